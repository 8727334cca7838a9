"""``otel-bridge demo``: the whole way of a traced request, on this machine, in less than a minute.

The embedded backend and the compute example are started as processes, three requests are sent, and what
the store then holds is shown and compared with what was sent.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, TypeVar

from otel_bridge.cli import defaults, example
from otel_bridge.cli.errors import FOUND, CommandError
from otel_bridge.cli.output import Output
from otel_bridge.cli.processes import Process, ProcessError, is_free, wait_for
from otel_bridge.wire import ids

if TYPE_CHECKING:
    from otel_bridge.model.trace import SpanRecord, Trace
    from otel_bridge.stores.protocol import TraceStore

_KEY: Final = "DEMO_KEY"
_HOSTS: Final = ("node-1", "node-2")
_LIMIT: Final = 50.0  # seconds until the last trace has to be complete; stopping comes on top
_FILES: Final = ("*.log", "*.sqlite*", "compute.conf", "trace.html")

T = TypeVar("T")


class _Backend(NamedTuple):
    process: Process
    otlp: str
    viewer: str


def add_parser(subparsers: Any) -> None:
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "demo",
        help="run an example service here and show its traces",
        description="Starts the embedded backend and an example service, sends a signed, a failing and an "
        "unsigned request, shows the traces, and stops everything again.",
        allow_abbrev=False,
    )
    parser.add_argument("--keep", action="store_true", help="keep everything running until Ctrl-C")
    parser.add_argument(
        "--dir", metavar="DIR", help="directory for the traces, trace.html and the logs (default: a new one)"
    )


def run(args: argparse.Namespace) -> int:
    missing = example.missing_packages()
    if missing:
        raise CommandError(
            f"the example needs packages that are not installed: {', '.join(missing)}; "
            "pip install 'otel-bridge[demo]'"
        )
    directory = _directory(args.dir)
    try:
        with _sigterm_as_interrupt(), ExitStack() as stack:
            _Demo(directory, stack).run(keep=args.keep)
    except ProcessError as error:
        raise CommandError(f"{error}\nlogs are in {directory}") from error
    return FOUND


class _Demo:
    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self._deadline = time.monotonic() + _LIMIT
        self._directory = directory
        self._stack = stack
        self._output = Output()

    def run(self, *, keep: bool) -> None:
        from otel_bridge.stores import open_store

        backend = self._start_backend()
        self._say(f"backend      {backend.viewer}, which takes spans at {backend.otlp}")
        service = self._start_service(backend)
        self._say(f"service      {service.url}", "")
        # The unsigned one first: spans that it should leave by mistake come before those of the others.
        self._request(service, "unsigned", "cirros", 201)
        signed = self._request(service, "signed", "cirros", 201)
        failing = self._request(service, "failing", "broken", 500)
        store = open_store(backend.viewer)
        traces = [self._complete(store, trace_id, [backend.process]) for trace_id in (signed, failing)]
        for trace in traces:
            self._say("")
            self._show(trace)
        self._say("", self._compare(store, {signed, failing}), "")
        self._write_page(traces[0])
        self._say_where(backend, service, signed, keep)
        if keep:
            self._wait([backend.process, *service.processes.values()])

    def _start_backend(self) -> _Backend:
        """``otel-bridge serve``, at its default ports where these are free."""
        wanted = (defaults.OTLP_PORT, defaults.VIEWER_PORT)
        ports = [port if is_free(port) else 0 for port in wanted]
        try:
            return self._serve(*ports)
        except ProcessError:
            if not any(ports):
                raise
            return self._serve(0, 0)  # somebody else may have been faster

    def _serve(self, otlp_port: int, port: int) -> _Backend:
        log = self._directory / "backend.log"
        arguments = ["--db", str(self._database), "--otlp-port", str(otlp_port), "--port", str(port)]
        argv = [sys.executable, "-m", "otel_bridge", "serve", *arguments]
        process = Process("the backend", argv, log=log)
        self._stack.callback(process.stop)
        process.start()

        def addresses() -> tuple[str, str] | None:
            words = process.output().split()
            urls = [word for word in words if word.startswith("http://")]
            return (urls[0], urls[1]) if len(urls) > 1 and "database" in words else None

        otlp, viewer = self._wait_for("the addresses of the backend", addresses, [process])
        return _Backend(process, otlp, viewer)

    def _start_service(self, backend: _Backend) -> example.Example:
        options = example.Options(self._directory, _KEY, backend.otlp, hosts=_HOSTS)
        service = example.Example(options)
        self._stack.callback(service.stop)
        return service.start(timeout=self._remaining())

    def _request(self, service: example.Example, kind: str, image: str, expected: int) -> int:
        answer = service.create_server(kind, image, signed=kind != "unsigned")
        trace = f"  trace {ids.base_id(answer.trace_id)}" if answer.trace_id else ""
        self._say(f"{kind:<11}  POST /v2.1/servers  {answer.status}{trace}")
        if answer.status != expected:
            raise ProcessError(f"the {kind} request was answered with {answer.status} instead of {expected}")
        return answer.trace_id

    def _complete(self, store: TraceStore, trace_id: int, processes: list[Process]) -> Trace:
        from otel_bridge.stores import TraceNotFound

        def look() -> Trace | None:
            try:
                trace = store.get(trace_id)
            except TraceNotFound:
                return None
            return trace if is_complete(trace, len(_HOSTS)) else None

        return self._wait_for(f"all spans of trace {ids.base_id(trace_id)}", look, processes)

    def _compare(self, store: TraceStore, expected: set[int]) -> str:
        from otel_bridge.stores import TraceQuery

        found = {summary.trace_id for summary in store.list(TraceQuery(limit=100))}
        if found != expected:
            extra = ", ".join(ids.base_id(trace_id) for trace_id in found - expected)
            raise ProcessError(f"the store holds traces that nobody signed: {extra}")
        return "The unsigned request left no span: the store holds these two traces and nothing else."

    def _show(self, trace: Trace) -> None:
        from otel_bridge.reports import terminal

        self._output.write_lines(terminal.render(trace, self._output.style))

    def _write_page(self, trace: Trace) -> None:
        from otel_bridge.reports import html

        page = self._directory / "trace.html"
        page.write_text(html.render(trace).html, encoding="utf-8")
        self._say(f"page         {page}")

    def _say_where(self, backend: _Backend, service: example.Example, signed: int, keep: bool) -> None:
        if keep:
            self._say(
                f"browser      {backend.viewer}/trace/{ids.format_trace_id(signed)}",
                f"another      otel-bridge sign {_KEY} --curl {service.url}/v2.1/servers",
                "Ctrl-C ends it.",
            )
        else:
            self._say(
                f"traces       otel-bridge trace list --from sqlite:{self._database}",
                "browser      open that page, or keep the viewer up with --keep (make demo KEEP=1)",
            )

    def _wait(self, processes: list[Process]) -> None:
        pause = threading.Event()
        try:
            while not pause.wait(1.0):
                for process in processes:
                    process.check()
        except KeyboardInterrupt:
            self._say("", "stopping")

    @property
    def _database(self) -> Path:
        return self._directory / "traces.sqlite"

    def _wait_for(self, what: str, look: Callable[[], T | None], processes: list[Process]) -> T:
        return wait_for(what, look, timeout=self._remaining(), processes=processes)

    def _remaining(self) -> float:
        return max(1.0, self._deadline - time.monotonic())

    def _say(self, *lines: str) -> None:
        self._output.write_lines(lines)


def is_complete(trace: Trace, hosts: int) -> bool:
    """Whether all spans of a request to the example have arrived.

    A process exports its spans in the order in which they ended, so all below a span are there before it.
    What is left to wait for is the root, and the other side of each call and message.
    """
    if len(trace.roots) != 1 or trace.orphans:
        return False
    return all(len(trace.children(span)) >= _other_sides(span, hosts) for span in trace.spans)


def _other_sides(span: SpanRecord, hosts: int) -> int:
    """How many spans of other services a span of the example has right below it."""
    from otel_bridge.model.trace import KIND_NAMES

    kind = KIND_NAMES[span.kind]
    if kind == "PRODUCER":
        return hosts if span.name.endswith("refresh_cache") else 1
    called = "rpc.system.name" in span.attributes or "http.request.method" in span.attributes
    return 1 if kind == "CLIENT" and called else 0


def _directory(argument: str | None) -> Path:
    """A new directory, or that of ``--dir`` without what an earlier run has left in it."""
    if argument is None:
        return Path(tempfile.mkdtemp(prefix="otel-bridge-demo-"))
    directory = Path(argument).absolute()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for pattern in _FILES:
            for file in directory.glob(pattern):
                file.unlink()
    except OSError as error:
        raise CommandError(f"--dir {argument}: {error.strerror or error}") from error
    return directory


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, so that the processes are stopped."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
