"""A request that is not traced: no header, or headers that no key verifies."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from benchmarks import peers
from benchmarks.case import OURS, AtMost, Case, Contender, Figure, Less, Measure, Peer, Row, Setting
from benchmarks.timing import of_thread
from benchmarks.workload import (
    BLOCK,
    WRONG_KEY,
    Application,
    StartResponse,
    application,
    call,
    environ,
    request,
    signed_request,
)

#: Keys of the service in the row about each further one.
_MANY = 9
_KEYS = ",".join(f"{WRONG_KEY}{number}" for number in range(_MANY))

_PLAIN = [environ(request())] * BLOCK
_SIGNED = [environ(signed_request())] * BLOCK


def _one_look(app: Application) -> Application:
    """The floor: a function that looks at one key of the environ."""

    def gate(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if "HTTP_X_TRACE_INFO" not in environ:
            return app(environ, start_response)
        raise AssertionError("there is none")

    return gate


def _blocks(served: dict[str, tuple[Application, list[dict[str, Any]]]]) -> dict[str, Callable[[], None]]:
    return {name: call(app, requests) for name, (app, requests) in served.items()}


def _measure(blocks: dict[str, Callable[[], None]]) -> Measure:
    return lambda: {name: of_thread(block, BLOCK, times=5) for name, block in blocks.items()}


def _hmacs() -> dict[str, Callable[[], None]]:
    """The two units: an HMAC as the standard library computes it, with the key hashed in before or not."""
    info, key = _SIGNED[0]["HTTP_X_TRACE_INFO"].encode(), WRONG_KEY.encode()
    keyed = hmac.new(key, digestmod="sha1")
    block = range(BLOCK)

    def anew() -> None:
        for _ in block:
            hmac.new(key, info, "sha1").hexdigest()

    def copied() -> None:
        for _ in block:
            copy = keyed.copy()
            copy.update(info)
            copy.hexdigest()

    return {"hmac.new": anew, "hmac copy": copied}


@contextmanager
def _ours(setting: Setting) -> Iterator[Measure]:
    from otel_bridge import log
    from otel_bridge.web import WsgiMiddleware

    log.LOG.setLevel("ERROR")  # of all refusals one is logged a minute
    one, many = (
        WsgiMiddleware.factory({}, hmac_keys=keys, enabled="true")(application) for keys in (WRONG_KEY, _KEYS)
    )
    yield _measure(
        {
            **_blocks(
                {
                    "bare": (application, _PLAIN),
                    "no header": (one, _PLAIN),
                    "object": (WsgiMiddleware(application, WRONG_KEY, True), _PLAIN),
                    "one look": (_one_look(application), _PLAIN),
                    "bare, signed": (application, _SIGNED),
                    "wrong key": (one, _SIGNED),
                    "wrong keys": (many, _SIGNED),
                }
            ),
            **_hmacs(),
        }
    )


@contextmanager
def _osprofiler(setting: Setting) -> Iterator[Measure]:
    from osprofiler.web import WsgiMiddleware

    gated = WsgiMiddleware.factory({}, hmac_keys=WRONG_KEY, enabled="true")(application)
    yield _measure(
        _blocks(
            {
                "bare": (application, _PLAIN),
                "no header": (gated, _PLAIN),
                "bare, signed": (application, _SIGNED),
                "wrong key": (gated, _SIGNED),
            }
        )
    )


@contextmanager
def _contrib(setting: Setting, *, stable: bool) -> Iterator[Measure]:
    off, _provider = peers.contrib_wsgi(setting, application, on=False, stable=stable)
    yield _measure(_blocks({"bare": (application, _PLAIN), "no header": (off, _PLAIN)}))


def _plain(contender: str, sample: str = "no header") -> Figure:
    return Figure(contender, sample, minus="bare")


def _signed(contender: str) -> Figure:
    return Figure(contender, "wrong key", minus="bare, signed")


_FURTHER = Figure(OURS, "wrong keys", minus="wrong key", divided_by=_MANY - 1)
_NO_HEADER = (
    Peer(peers.OSPROFILER_WEB, _plain(peers.OSPROFILER_WEB), Less(100)),
    Peer(peers.CONTRIB_WSGI_OFF, _plain(peers.CONTRIB_WSGI_OFF), Less(300)),
    Peer(peers.CONTRIB_WSGI_STABLE_OFF, _plain(peers.CONTRIB_WSGI_STABLE_OFF)),
)

CASE = Case(
    "wsgi-closed",
    (
        Contender(OURS, _ours),
        Contender(peers.OSPROFILER_WEB, _osprofiler, peers.NEEDS_OSPROFILER),
        Contender(peers.CONTRIB_WSGI_OFF, partial(_contrib, stable=False), peers.NEEDS_CONTRIB_WSGI),
        Contender(peers.CONTRIB_WSGI_STABLE_OFF, partial(_contrib, stable=True), peers.NEEDS_CONTRIB_WSGI),
    ),
    (
        Row(
            "WSGI, gate closed: no header",
            "µs",
            _plain(OURS),
            _NO_HEADER,
            floor=_plain(OURS, "one look"),
        ),
        Row(
            "WSGI, gate closed: no header, not made by paste's factory",
            "µs",
            _plain(OURS, "object"),
            tuple(Peer(peer.label, peer.figure) for peer in _NO_HEADER),
            floor=_plain(OURS, "one look"),
        ),
        Row(
            "WSGI, gate closed: wrong HMAC, 1 key",
            "µs",
            _signed(OURS),
            (Peer(peers.OSPROFILER_WEB, _signed(peers.OSPROFILER_WEB), Less(10)),),
            floor=Figure(OURS, "hmac copy"),
        ),
        Row(
            "WSGI, gate closed: each further key",
            "µs",
            _FURTHER,
            (
                Peer("one hmac.new().hexdigest()", Figure(OURS, "hmac.new"), AtMost(1.3)),
                Peer("one of a copied hmac", Figure(OURS, "hmac copy"), AtMost(1.3)),
            ),
        ),
    ),
    repetitions=30,
    launches=4,
)
