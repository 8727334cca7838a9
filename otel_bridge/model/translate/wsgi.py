"""Requests served: WSGI, SpanKind.SERVER (conventions for HTTP server spans)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from otel_bridge.model.redaction import redact_path, redact_query, remembered
from otel_bridge.model.translate.point import (
    ERROR_TYPE,
    Point,
    captured,
    number_of,
    span_name,
    text_of,
)
from otel_bridge.model.translate.routes import path_template

#: Known methods (RFC 9110, PATCH, QUERY). Others become ``_OTHER``; a deployment may change the set, as
#: ``OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS`` asks for.
KNOWN_METHODS: Final = set(str.split("CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT QUERY TRACE"))
OTHER_METHOD: Final = "_OTHER"

#: Longer paths are not remembered.
_REMEMBERED: Final = 512

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class ServerRequest(Point):
    """A request as its environ describes it, undecoded and unparsed, and the status of its response."""

    __slots__ = (
        "agent",
        "client",
        "global_request_id",
        "host",
        "method",
        "path",
        "port",
        "project_id",
        "protocol",
        "query",
        "request_id",
        "route",
        "scheme",
        "script",
        "status",
    )
    fallback = "HTTP"

    method: str | None
    #: SCRIPT_NAME and PATH_INFO: Latin-1 readings of UTF-8 bytes (PEP 3333).
    script: str | None
    path: str | None
    query: str | None
    scheme: str | None
    #: The Host header, with or without a port; else SERVER_NAME.
    host: str | None
    #: SERVER_PORT, used when the host has none.
    port: str | int | None
    client: str | None
    agent: str | None
    #: SERVER_PROTOCOL: ``HTTP/1.1``.
    protocol: str | None
    #: ``404 Not Found``, or the number.
    status: str | int | None
    #: The matched template, from a router that knows it.
    route: str | None
    request_id: str | None
    global_request_id: str | None
    project_id: str | None

    def describe(self) -> tuple[str, dict[str, Any]]:
        raw = text_of(self.script) + text_of(self.path)
        path, template = _paths(raw) if len(raw) <= _REMEMBERED else _paths.__wrapped__(raw)
        host, agent, project_id = self.host, self.agent, self.project_id
        seen = (
            self.method,
            self.scheme,
            host,
            self.port,
            self.client,
            agent,
            project_id,
            self.protocol,
            self.status,
            self.route,
        )
        try:  # what a client may make as long as it likes is remembered up to a length
            short = len(host or "") + len(agent or "") + len(project_id or "") <= _REMEMBERED
            known, common = _common(*seen) if short else _common.__wrapped__(*seen)
        except TypeError:  # not of a server's making: lists and numbers have been seen in OSProfiler's info
            known, common = _common.__wrapped__(*seen)
        attributes = common.copy()
        attributes["url.path"] = path
        query = self.query
        if query:
            query = text_of(query)
            attributes["url.query"] = _query(query) if len(query) <= _REMEMBERED else redact_query(query)
        request_id = self.request_id
        if request_id and isinstance(request_id, str):
            attributes["openstack.request_id"] = request_id
        request_id = self.global_request_id
        if request_id and isinstance(request_id, str):
            attributes["openstack.global_request_id"] = request_id
        return span_name(f"{known} {self.route if 'http.route' in common else template}"), attributes


@lru_cache(maxsize=1024, typed=True)
def _common(
    method: Any,
    scheme: Any,
    host: Any,
    port: Any,
    client: Any,
    agent: Any,
    project_id: Any,
    protocol: Any,
    status: Any,
    route: Any,
) -> tuple[str, dict[str, Any]]:
    """The method as it stands in the name, and what many requests have in common; to be copied."""
    known, attributes = method_attributes(method)
    attributes["url.scheme"] = text_of(scheme) or "http"
    address, server_port = split_host(text_of(host), number_of(port), attributes["url.scheme"])
    if address:
        attributes["server.address"] = address
        if server_port:
            attributes["server.port"] = server_port
    for key, value in (
        ("client.address", client),
        ("user_agent.original", agent),
        ("openstack.project_id", project_id),
        ("http.route", route),
    ):
        if value and isinstance(value, str):
            attributes[key] = value
    version = text_of(protocol).rpartition("/")[2]
    if version:
        attributes["network.protocol.version"] = version
    code = status_code(status)
    if code:
        attributes["http.response.status_code"] = code
        if code >= 500:
            attributes[ERROR_TYPE] = str(code)
    return known, attributes


_query = remembered(1024)(redact_query)


@lru_cache(maxsize=2048)
def _paths(raw: str) -> tuple[str, str]:
    """The path as it may be shown, and its template. Services are polled: paths come again."""
    path = redact_path(wsgi_text(raw)) or "/"
    return path, path_template(path)


def wsgi_text(text: str) -> str:
    """What a WSGI server's Latin-1 text says in UTF-8; the text itself where it is not UTF-8."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def method_attributes(method: Any) -> tuple[str, dict[str, Any]]:
    """The method as it stands in a span's name, and its attributes in a new dict."""
    method = text_of(method)
    if method in KNOWN_METHODS:
        return method, {"http.request.method": method}
    attributes: dict[str, Any] = {"http.request.method": OTHER_METHOD}
    if method:
        attributes["http.request.method_original"] = span_name(method)
    return "HTTP", attributes


@lru_cache(maxsize=1024)
def split_host(host: str, port: int | None, scheme: str) -> tuple[str, int | None]:
    """``server.address`` and ``server.port`` of a Host header: ``[::1]:8774``, ``controller``, ``::1``."""
    host = host.rpartition("@")[2]  # it may be the authority of a URL, with a password in it
    if host.startswith("["):
        address, _, rest = host[1:].partition("]")
        given = rest[1:] if rest.startswith(":") else ""
    elif host.count(":") == 1:
        address, _, given = host.partition(":")
    else:
        address, given = host, ""
    return address, number_of(given) or port or DEFAULT_PORTS.get(scheme)


def status_code(status: Any) -> int | None:
    """The number in a status line or a status; None where there is none (100 to 999)."""
    code = number_of(status[:3]) if isinstance(status, str) else number_of(status)
    return code if code is not None and 100 <= code <= 999 else None


def from_info(request: Mapping[str, Any]) -> ServerRequest:
    """The point of OSProfiler's ``info["request"]`` (``osprofiler.web``)."""
    point: ServerRequest = object.__new__(ServerRequest)
    get = request.get
    point.method = captured(get("method"))
    point.path = captured(get("path"))
    point.query = captured(get("query"))
    point.scheme = captured(get("scheme"))
    point.script = point.host = point.port = point.client = point.agent = point.protocol = None
    point.status = point.route = point.request_id = point.global_request_id = point.project_id = None
    return point


def to_info(name: str, attributes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """OSProfiler's start and stop info of a server span; the older HTTP attributes are understood as well."""
    get = attributes.get
    method = get("http.request.method_original") or get("http.request.method") or get("http.method") or ""
    path, query = get("url.path"), get("url.query")
    if path is None:
        path, _, legacy_query = str(get("http.target") or "").partition("?")
        query = query if query is not None else legacy_query
    request = {
        "path": str(path),
        "query": str(query or ""),
        "method": str(method),
        "scheme": str(get("url.scheme") or get("http.scheme") or "http"),
    }
    return {"request": request}, {}
