"""What a span did, in words that are the same each time it is done."""

from __future__ import annotations

from otel_bridge.model.trace import SpanRecord
from otel_bridge.model.translate.routes import path_template

_CLIENT = 3
#: Characters of a URL that are looked at.
_MAX_URL = 2000
_MAX_NAME = 500


def operation(span: SpanRecord) -> str:
    """The span's name; for an HTTP request that is named by its method alone, with the template of its path:
    ``GET /allocations/{id}``.

    A service sends requests of one method to many others: without the path they would all be the same.
    """
    name = span.name[:_MAX_NAME]
    if span.kind != _CLIENT or not name.isupper() or " " in name:
        return name
    url = span.attributes.get("url.full") or span.attributes.get("http.url")
    if not isinstance(url, str):
        return name
    path = _path(url[:_MAX_URL])
    return f"{name} {path_template(path)}" if path else name


def _path(url: str) -> str:
    _, found, rest = url.partition("://")
    if not found:
        return ""
    host_and_path = rest.partition("?")[0].partition("#")[0]
    _, slash, path = host_and_path.partition("/")
    return slash + path
