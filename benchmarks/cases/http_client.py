"""A request to another service: what tracing adds to it, by way of urllib3, requests and keystoneauth1.

The connection is a fake one, below all that is instrumented: it takes the request and has the response at
once. A network would cost more than everything that is compared here, and none of it is the same twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from io import BytesIO
from typing import Any

from benchmarks import ours, peers
from benchmarks.case import OURS, Case, Contender, Figure, Less, Limit, Measure, Peer, Row, Setting
from benchmarks.timing import at_each_gate, of_thread

_COUNT = 100
_TURNS = 5
_URL = "http://controller:9292"
_PATHS = [f"/v2/images/b0a2d3a4-1f7e-4f0e-9d44-{number:012x}" for number in range(_COUNT)]
_HEADERS = {
    "Accept": "application/json",
    "User-Agent": "python-glanceclient",
    "X-Auth-Token": "gAAAAABm" + "x" * 180,
    "X-OpenStack-Request-ID": "req-b0a2d3a4-1f7e-4f0e-9d44-0a4d2b8a6c11",
}

_URLLIB3 = "contrib urllib3"
_URLLIB3_OFF = "contrib urllib3, off"
_REQUESTS = "contrib requests"
_REQUESTS_OFF = "contrib requests, off"
_OSPROFILER = "osprofiler.requests"


def _pool() -> Any:
    """A connection pool whose connections answer at once."""
    from urllib3 import HTTPConnectionPool
    from urllib3.connection import HTTPConnection
    from urllib3.response import HTTPResponse

    answer = {"Content-Type": "application/json", "Content-Length": "0"}

    class Connection(HTTPConnection):
        is_closed = False

        def request(self, *args: Any, **named: Any) -> None:
            pass

        def getresponse(self) -> Any:
            return HTTPResponse(BytesIO(), answer, 200, 11, "HTTP/1.1", "OK", preload_content=False)

        def close(self) -> None:
            pass

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    return Pool("controller", 9292)


def _urllib3() -> Callable[[], None]:
    pool = _pool()

    def block() -> None:
        for path in _PATHS:
            pool.urlopen("GET", path, headers=_HEADERS)

    return block


def _session() -> Any:
    import requests
    from requests.adapters import HTTPAdapter

    pool = _pool()

    class Adapter(HTTPAdapter):
        def get_connection_with_tls_context(self, *args: Any, **named: Any) -> Any:
            return pool

    session = requests.Session()
    session.trust_env = False
    session.mount("http://", Adapter())
    return session


def _requests() -> Callable[[], None]:
    import requests

    session = _session()
    prepared = [session.prepare_request(requests.Request("GET", _URL + path, _HEADERS)) for path in _PATHS]

    def block() -> None:
        for request in prepared:  # made before: that costs ten times what is compared
            session.send(request)

    return block


def _keystone() -> Callable[[], None]:
    from keystoneauth1.session import Session

    session = Session(session=_session())

    def block() -> None:
        for path in _PATHS:
            session.request(_URL + path, "GET", headers=dict(_HEADERS), authenticated=False, log=False)

    return block


_BLOCKS = {"urllib3": _urllib3, "requests": _requests, "keystone": _keystone}


def _measure(
    instrument: Callable[[], object],
    uninstrument: Callable[[], object],
    opened: Callable[[], Any],
    flush: Callable[[], object],
    libraries: Iterable[str] = tuple(_BLOCKS),
    samples: tuple[str, ...] = ("closed", "open"),
) -> Measure:
    """Bare and traced in turns: the libraries are classes that the whole process shares."""
    blocks = {library: _BLOCKS[library]() for library in libraries}

    def measure() -> dict[str, float]:
        found: dict[str, float] = {}

        def least(name: str, block: Callable[[], None]) -> None:
            found[name] = min(of_thread(block, _COUNT, times=3), found.get(name, math.inf))

        for library, block in blocks.items():
            for _ in range(_TURNS):  # often, since what is compared is a small part of the whole
                least(f"{library} bare", block)
                instrument()
                try:
                    for sample in at_each_gate(samples, opened, flush):
                        least(f"{library} {sample}", block)
                finally:
                    uninstrument()
        return found

    return measure


@contextmanager
def _ours(setting: Setting) -> Iterator[Measure]:
    from otel_bridge.instrumentation.requests import RequestsInstrumentor

    provider = ours.provider(setting)
    tracer = provider.get_tracer("benchmarks")
    instrumentor = RequestsInstrumentor()
    yield _measure(
        lambda: instrumentor.instrument(tracer_provider=provider),
        instrumentor.uninstrument,
        lambda: ours.signed_request(tracer),
        provider.force_flush,
    )


@contextmanager
def _contrib(
    setting: Setting, *, module: str, cls: str, libraries: tuple[str, ...], on: bool
) -> Iterator[Measure]:
    from importlib import import_module

    provider = peers.sdk_provider(setting, on=on)
    instrumentor = getattr(import_module(f"opentelemetry.instrumentation.{module}"), cls)()
    yield _measure(
        lambda: instrumentor.instrument(tracer_provider=provider),
        instrumentor.uninstrument,
        peers.remote_parent if on else nullcontext,
        provider.force_flush,
        libraries,
        ("open",) if on else ("closed",),
    )


@contextmanager
def _osprofiler(setting: Setting) -> Iterator[Measure]:
    from osprofiler import requests as upstream
    from requests.adapters import HTTPAdapter

    provider = peers.osprofiler_driver(setting)
    plain = HTTPAdapter.send

    def disable() -> None:
        HTTPAdapter.send = plain  # type: ignore[method-assign]

    yield _measure(
        upstream.enable, disable, peers.osprofiler_request, provider.force_flush, ("requests", "keystone")
    )


def _figure(contender: str, library: str, sample: str) -> Figure:
    return Figure(contender, f"{library} {sample}", minus=f"{library} bare")


def _rows(library: str, shown: str, contrib: str, off: str, goal: Less | None) -> tuple[Row, Row]:
    theirs = [] if library == "urllib3" else [_OSPROFILER]
    return (
        Row(
            f"{shown}, gate closed: added",
            "µs",
            _figure(OURS, library, "closed"),
            (
                *(Peer(f"{name}, no trace", _figure(name, library, "closed")) for name in theirs),
                Peer(f"{off}, SDK", _figure(off, library, "closed")),
            ),
            limit=Limit(1.0),
        ),
        Row(
            f"{shown}, gate open: added, caller",
            "µs",
            _figure(OURS, library, "open"),
            (
                *(Peer(f"{name}, otlp driver", _figure(name, library, "open")) for name in theirs),
                Peer(f"{contrib}, SDK", _figure(contrib, library, "open"), goal),
            ),
        ),
    )


_NEEDS = ("requests", "keystoneauth1")
_NEEDS_URLLIB3 = ("opentelemetry.instrumentation.urllib3", *peers.NEEDS_SDK)
_NEEDS_REQUESTS = ("opentelemetry.instrumentation.requests", *_NEEDS, *peers.NEEDS_SDK)


def _contenders(name: str, off: str, module: str, cls: str, needs: tuple[str, ...]) -> Iterator[Contender]:
    libraries = ("urllib3",) if module == "urllib3" else ("requests", "keystone")
    for called, on in ((name, True), (off, False)):
        prepare = partial(_contrib, module=module, cls=cls, libraries=libraries, on=on)
        yield Contender(called, prepare, needs)


CASE = Case(
    "http-client",
    (
        Contender(OURS, _ours, _NEEDS),
        *_contenders(_URLLIB3, _URLLIB3_OFF, "urllib3", "URLLib3Instrumentor", _NEEDS_URLLIB3),
        *_contenders(_REQUESTS, _REQUESTS_OFF, "requests", "RequestsInstrumentor", _NEEDS_REQUESTS),
        Contender(_OSPROFILER, _osprofiler, (*_NEEDS, *peers.NEEDS_DRIVER)),
    ),
    (
        *_rows("urllib3", "urllib3 request", _URLLIB3, _URLLIB3_OFF, Less(10)),
        *_rows("requests", "requests request", _REQUESTS, _REQUESTS_OFF, Less(7)),
        *_rows("keystone", "keystoneauth1 request", _REQUESTS, _REQUESTS_OFF, None),
    ),
    launches=2,
)
