"""The work that is traced: requests and queries as an OpenStack service has them.

What repeats in a service repeats here (hosts, agents, statements, the servers that are asked for), and what
does not (request ids, trace ids) is new in each request.
"""

from __future__ import annotations

import io
import itertools
import uuid
from collections.abc import Callable, Iterable
from types import FunctionType
from typing import Any

from otel_bridge.wire import signing

KEY = "a-key-of-thirty-two-characters-x"
#: What the requests are signed with, and a ring of other keys in front of it.
WRONG_KEY = "another-key-of-the-same-length-y"

#: Requests and queries per block. Less than a batch of the SDK's span processor (512), whose export thread
#: would wake up in the middle of a measurement otherwise.
BLOCK = 500

_TABLES = ("instances", "instance_extra", "block_device_mapping", "migrations", "services", "compute_nodes")
#: Statements and their summaries, by which the spans are named.
QUERIES: list[tuple[str, str]] = [
    (
        f"SELECT {table}.id, {table}.uuid, {table}.host, {table}.created_at FROM {table}"
        f" WHERE {table}.deleted = %(deleted_1)s AND {table}.uuid = %(uuid_1)s LIMIT %(param_1)s",
        f"SELECT nova.{table}",
    )
    for table in (_TABLES * BLOCK)[:BLOCK]
]
PARAMETERS = {"deleted_1": 0, "uuid_1": "b0a2d3a4-1f7e-4f0e-9d44-0a4d2b8a6c11", "param_1": 1}

_SERVERS = itertools.cycle([str(uuid.uuid4()) for _ in range(1000)])
#: Paths of requests that a service sends to others.
PATHS = [f"/v2/images/{image}" for image in itertools.islice(_SERVERS, BLOCK)]

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

_HEADERS = [("Content-Type", "application/json"), ("Content-Length", "17")]
_BODY = [b'{"servers": [{}]}']


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """The application behind the middleware: its body is a list."""
    start_response("200 OK", _HEADERS)
    return _BODY


def started(status: str, headers: Any, exc_info: Any = None) -> None:
    """The server's ``start_response``."""


#: What requests have in common.
_ENVIRON: dict[str, Any] = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "/v2.1",
    "QUERY_STRING": "limit=100",
    "SERVER_NAME": "controller",
    "SERVER_PORT": "8774",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "192.0.2.17",
    "REMOTE_PORT": "48210",
    "HTTP_HOST": "controller:8774",
    "HTTP_USER_AGENT": "python-novaclient",
    "HTTP_ACCEPT": "application/json",
    "HTTP_X_AUTH_TOKEN": "gAAAAABm" + "x" * 180,
    "HTTP_X_PROJECT_ID": "5f1ad3a0b1b34e0f8f1f7c3a4f0a3c52",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.input": io.BytesIO(),
    "wsgi.errors": io.StringIO(),
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


def request(**headers: str) -> dict[str, Any]:
    """What is a request's own in its environ: it is for one server of many, and has ids."""
    return {
        "PATH_INFO": f"/servers/{next(_SERVERS)}",
        "HTTP_X_OPENSTACK_REQUEST_ID": f"req-{uuid.uuid4()}",
        "openstack.request_id": f"req-{uuid.uuid4()}",
        **headers,
    }


def signed_request() -> dict[str, Any]:
    """:func:`request` as a client of osprofiler signs it."""
    base = str(uuid.uuid4())
    info, mac = signing.pack(base, str(uuid.uuid4()), signing.Key(KEY))
    return request(HTTP_X_TRACE_INFO=info, HTTP_X_TRACE_HMAC=mac)


def environ(request: dict[str, Any]) -> dict[str, Any]:
    """The whole environ of a request."""
    return {**_ENVIRON, **request}


def traceparent() -> str:
    """The header of a sampled parent, as OpenTelemetry sends it."""
    return f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"


def serve(app: Application, requests: Iterable[dict[str, Any]]) -> Callable[[], None]:
    """A function that serves each request once as a server does, which makes the environ first.

    Args:
        app: the application, bare or wrapped.
        requests: from :func:`request`.
    """
    common = _ENVIRON

    def run() -> None:
        for request in requests:
            body = app({**common, **request}, started)
            for _ in body:
                pass
            close = getattr(body, "close", None)
            if close is not None:
                close()

    return with_own_code(run)


def call(app: Application, environs: Iterable[dict[str, Any]]) -> Callable[[], None]:
    """A function that only calls the application with each environ, where every nanosecond counts."""

    def run() -> None:
        for environ in environs:
            for _ in app(environ, started):
                pass

    return with_own_code(run)


def with_own_code(function: Any) -> Callable[[], None]:
    """The function with a copy of its code.

    The interpreter specialises code by what it has called. A server calls one application; here several are
    called in turns.
    """
    return FunctionType(function.__code__.replace(), function.__globals__, closure=function.__closure__)
