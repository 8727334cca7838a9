"""Requests sent: HTTP, SpanKind.CLIENT (conventions for HTTP client spans)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from otel_bridge.model.redaction import redact_path, redact_query, redact_url, remembered
from otel_bridge.model.translate.point import ERROR_TYPE, Point, captured, number_of, text_of
from otel_bridge.model.translate.wsgi import DEFAULT_PORTS, method_attributes, split_host, status_code

#: Longest query that is remembered.
_REMEMBERED: Final = 512


class ClientRequest(Point):
    """One attempt of a request: what was asked of whom, and the status of the response."""

    __slots__ = ("host", "method", "path", "port", "protocol", "query", "resend", "scheme", "status", "url")
    fallback = "HTTP"

    method: str | None
    scheme: str | None
    #: With or without brackets for IPv6, without the port.
    host: str | None
    port: int | str | None
    #: The path, or the whole request target with its query.
    path: str | None
    query: str | None
    status: int | str | None
    #: How many times the request was sent before; 0 is not reported.
    resend: int | None
    #: ``1.1``
    protocol: str | None
    #: The absolute URL, instead of its parts.
    url: str | None

    def describe(self) -> tuple[str, dict[str, Any]]:
        known, attributes = method_attributes(self.method)
        url = text_of(self.url)
        if url:
            address, port = _authority(url)
            attributes["url.full"] = redact_url(url)
        else:
            prefix, address, port = _origin(self.scheme, self.host, self.port)
            path, query = text_of(self.path), text_of(self.query)
            if path and not path.startswith(("/", "?")):
                path = "/" + path
            if prefix is None or "?" in path or "#" in path or "#" in query or "//" in path:
                scheme = text_of(self.scheme) or "http"
                attributes["url.full"] = redact_url(_join(scheme, address, port, path, query))
            else:  # what redact_url() makes of it, without taking apart what is in parts
                path = redact_path(path) or "/"
                attributes["url.full"] = f"{prefix}{path}?{_redacted(query)}" if query else prefix + path
        if address:
            attributes["server.address"] = address
            if port:
                attributes["server.port"] = port
        code = status_code(self.status)
        if code:
            attributes["http.response.status_code"] = code
            if code >= 400:
                attributes[ERROR_TYPE] = str(code)
        resend = number_of(self.resend)
        if resend:
            attributes["http.request.resend_count"] = resend
        protocol = text_of(self.protocol)
        if protocol:
            attributes["network.protocol.version"] = protocol
        return known, attributes


@lru_cache(maxsize=512, typed=True)
def _origin(scheme: Any, host: Any, port: Any) -> tuple[str | None, str, int | None]:
    """Scheme and authority of a URL (None: there is something to redact in it), server address and port."""
    scheme = text_of(scheme) or "http"
    address, number = split_host(_bracketed(text_of(host)), number_of(port), scheme)
    prefix = _join(scheme, address, number, "", "")[:-1]
    return prefix if redact_url(prefix + "/") == prefix + "/" else None, address, number


_query = remembered(1024)(redact_query)


def _redacted(query: str) -> str:
    return _query(query) if len(query) <= _REMEMBERED else redact_query(query)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _join(scheme: str, address: str, port: int | None, path: str, query: str) -> str:
    authority = _bracketed(address)
    if port and port != DEFAULT_PORTS.get(scheme):
        authority = f"{authority}:{port}"
    if path and not path.startswith(("/", "?")):
        path = "/" + path
    target = f"{path or '/'}?{query}" if query else path or "/"
    return f"{scheme}://{authority}{target}"


def _authority(url: str) -> tuple[str, int | None]:
    """Host and port of a URL, whatever else is wrong with it."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return "", None
    for end in "/?#":
        rest = rest.partition(end)[0]
    return split_host(rest.rpartition("@")[2], None, scheme.lower())


def from_info(requests: Mapping[str, Any]) -> ClientRequest:
    """The point of OSProfiler's ``info["requests"]`` (``osprofiler.requests``)."""
    point: ClientRequest = object.__new__(ClientRequest)
    get = requests.get
    point.method = captured(get("method"))
    point.scheme = captured(get("scheme"))
    point.host = captured(get("hostname"))
    port = get("port")
    point.port = port if port.__class__ is int else captured(port)
    point.path = captured(get("path"))
    point.query = captured(get("query"))
    point.status = point.resend = point.protocol = point.url = None
    return point


def finish(point: ClientRequest, requests: Mapping[str, Any]) -> None:
    """Take the status from the stop's ``info["requests"]``."""
    status = requests.get("status_code")
    if status.__class__ is int:
        point.status = status


def to_info(name: str, attributes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """OSProfiler's start and stop info of a client span; the older HTTP attributes are understood as well."""
    get = attributes.get
    url = str(get("url.full") or get("http.url") or "")
    try:
        parts = urlsplit(url)
        scheme, path, query = parts.scheme, parts.path, parts.query
    except ValueError:
        scheme, path, query = "", url, ""
    address, port = _authority(url)
    method = get("http.request.method_original") or get("http.request.method") or get("http.method") or ""
    start = {
        "method": str(method),
        "query": query,
        "path": path,
        "hostname": str(get("server.address") or get("net.peer.name") or address),
        "port": get("server.port") or get("net.peer.port") or port or "",
        "scheme": scheme or str(get("url.scheme") or "http"),
    }
    status = get("http.response.status_code") or get("http.status_code")
    return {"requests": start}, {"requests": {"status_code": status}} if status else {}
