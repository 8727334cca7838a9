"""OSProfiler adopted on a test's own provider, and interpreters in which it is adopted for good."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import textwrap
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from environments import clean_environ
from speaking import signed_environ

from otel_bridge import gate, profiler, runtime
from otel_bridge.adopt import osprofiler as adoption
from otel_bridge.settings import GateSettings, Settings
from otel_bridge.wire.signing import KeyRing

#: Seconds that a process may take which a test starts.
PATIENCE = 60.0
KEY = "key"
BASE, PARENT = "0af76519-16cd-43dd-8448-eb211c80319c", "11111111-2222-4333-8444-555555555555"


class Stopping:
    """A pipeline that knows only whether it was told to flush and stop."""

    def __init__(self) -> None:
        self.stopped: list[bool] = []

    def shutdown(self, *, quiet: bool = False) -> None:
        self.stopped.append(quiet)


def handle_of(
    provider: Any,
    keys: KeyRing | None = None,
    *,
    enabled: bool = True,
    unusable: bool = False,
    propagate_to: tuple[str, ...] | None = None,
) -> runtime.Handle:
    """What ``setup()`` would give for these settings."""
    keys = KeyRing.parse(KEY) if keys is None else keys
    settings = Settings(gate=GateSettings(enabled, keys), propagate_to=propagate_to)
    stopping: Any = Stopping()
    return runtime.Handle(provider, settings, stopping, lambda _: None, unusable)


@contextmanager
def adopted(provider: Any, handle: runtime.Handle | None = None) -> Iterator[runtime.Handle]:
    """Be in a process that has adopted osprofiler, its gate as ``setup()`` leaves it."""
    handle = handle_of(provider) if handle is None else handle
    profiler.use(provider)
    if handle.settings.gate.enabled and not handle.unusable:
        gate.enable(handle.settings.gate.keys)
    else:
        gate.disable()
    assert adoption.adopt(handle)
    try:
        yield handle
    finally:
        adoption.release()
        profiler.use(None)
        gate.reset()


@contextmanager
def unit(base_id: str = BASE, parent_id: str | None = PARENT) -> Iterator[Any]:
    """A traced unit of work, as a service's own code begins and ends one."""
    from osprofiler import profiler as upstream

    try:
        yield upstream.init(KEY, base_id, parent_id)
    finally:
        upstream.clean()


def signed(path: str = "/", key: str = KEY, base_id: str = BASE, parent_id: str = PARENT) -> dict[str, Any]:
    """The environ of a signed request."""
    return {**unsigned(path), **signed_environ(base_id, parent_id, key)}


def unsigned(path: str = "/") -> dict[str, Any]:
    from webob import Request

    environ: dict[str, Any] = Request.blank(path).environ
    return environ


def attributes(*modules: str) -> dict[tuple[str, ...], Any]:
    """Everything that can be replaced in these modules, by where it is.

    Attributes of modules and of the classes that they define, with the code, defaults and attributes of
    functions. The objects themselves, for a comparison by identity.
    """
    found: dict[tuple[str, ...], Any] = {}
    for name in modules:
        module = sys.modules[name]
        for key, value in vars(module).items():
            if key.startswith("__otel_bridge_"):  # what calls under way may still look for
                continue
            found[name, key] = value
            _inside((name, key), name, value, found)
    return found


def _inside(place: tuple[str, ...], module: str, value: Any, found: dict[tuple[str, ...], Any]) -> None:
    if isinstance(value, types.FunctionType):
        found[(*place, "__code__")] = value.__code__
        found[(*place, "__defaults__")] = value.__defaults__
        for key, attribute in vars(value).items():
            found[(*place, key)] = attribute
    elif isinstance(value, type) and value.__module__ == module:
        for key, attribute in vars(value).items():
            found[(*place, key)] = attribute
            _inside((*place, key), module, attribute, found)


def changed(before: dict[tuple[str, ...], Any], after: dict[tuple[str, ...], Any]) -> set[tuple[str, ...]]:
    """Where two of :func:`attributes` differ."""
    missing = object()
    return {
        place
        for place in before.keys() | after.keys()
        if before.get(place, missing) is not after.get(place, missing)
    }


class Receiver(ThreadingHTTPServer):
    """An OTLP endpoint that keeps what it receives; one that hangs reads nothing and says nothing."""

    daemon_threads = True

    def __init__(self, hanging: bool = False) -> None:
        #: ``ExportTraceServiceRequest``, as they came.
        self.requests: list[Any] = []
        self.hanging = hanging
        self.over = threading.Event()
        super().__init__(("127.0.0.1", 0), _Receiving)
        self.netloc = f"127.0.0.1:{self.server_address[1]}"
        self.url = f"http://{self.netloc}"

    @property
    def groups(self) -> list[Any]:
        """``ResourceSpans``: spans with the resource that they are of."""
        return [group for request in self.requests for group in request.resource_spans]

    @property
    def spans(self) -> list[Any]:
        return [span for group in self.groups for scope in group.scope_spans for span in scope.spans]

    def named(self) -> list[str]:
        return sorted(span.name for span in self.spans)


class _Receiving(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        if self.server.hanging:
            self.server.over.wait(PATIENCE)
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.requests.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def receiving(hanging: bool = False) -> Iterator[Receiver]:
    """A running :class:`Receiver`."""
    with Receiver(hanging) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


def run(code: str, *arguments: str, activate: bool = True, **environ: str) -> Any:
    """What another interpreter, in which the drivers are known, prints as JSON on its last line."""
    path = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    activation = {"OTEL_BRIDGE_ACTIVATE": "1" if activate else "0", "PYTHONPATH": os.pathsep.join(path)}
    head = "import otel_bridge.adopt.activate\n" if activate else ""
    made = subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=clean_environ(**activation | environ),
    )
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout.splitlines()[-1])
