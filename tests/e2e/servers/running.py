"""A service in a server, the requests that it is sent, and the backend that takes its spans."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from speaking import request, signed_headers

from e2e.servers.commands import Command
from otel_bridge.cli.processes import Process, ProcessError, free_ports, wait_for
from otel_bridge.collector import Server
from otel_bridge.model.trace import KIND_NAMES, Trace
from otel_bridge.stores import TraceNotFound, open_store
from otel_bridge.stores.protocol import TraceQuery
from otel_bridge.wire import ids

KEY = "the-right-key"
_HERE = Path(__file__).parent
_BOUND = 30.0

#: What Apache logs, and answers with 500, when mod_wsgi's daemon process ended with a request that it had
#: taken already. One graceful restart in ten does that, of an application without any tracing, too.
_DAEMON_GONE = "Truncated or oversized response headers received from daemon process"


class Running:
    """The service in a server, from the beginning to the end of a ``with`` block."""

    def __init__(self, directory: Path, command: Command, service: str, configuration: str) -> None:
        """
        Args:
            directory: of the service.
            command: makes the server's command.
            service: the module here that is the service.
            configuration: of oslo.config; the keys are added to its first group, ``[profiler]``.
        """
        shutil.copy(_HERE / f"{service}.py", directory / "shop.py")
        profiler = f"[profiler]\nenabled = true\nhmac_keys = other, {KEY}\n"
        (directory / "shop.conf").write_text(profiler + configuration)
        self.directory = directory
        [self._port] = free_ports(1)
        arguments = [str(part) for part in command(directory, self._port)]
        env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.process = Process(Path(arguments[0]).name, arguments, log=directory / "log", env=env)
        #: Trace id -> process that served the request, of every one that was signed with the right key.
        self.served: dict[int, int] = {}
        #: Trace ids of such requests that got no answer, because nobody took the connection or it was cut.
        self.unanswered: set[int] = set()

    def __enter__(self) -> Running:
        self.process.__enter__()
        try:
            wait_for("an answer", self._answers, timeout=_BOUND, processes=[self.process])
        except BaseException:
            self.process.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stop()

    def ends(self, within: float) -> float:
        """Ask it to end; the seconds that it took. All its processes have to end by themselves in time."""
        began = time.monotonic()
        self.process.terminate()
        wait_for("its end", lambda: self.process.exit_code is not None, timeout=within)
        wait_for("its workers' end", lambda: not _members(self.process.pid), timeout=within)
        return time.monotonic() - began

    def _answers(self) -> bool:
        try:
            self.unsigned()
        except (OSError, http.client.HTTPException):
            return False
        return True

    # -- requests -----------------------------------------------------------------------------------------

    def signed(self, path: str = "/sales?article=1") -> int:
        """The process that served it."""
        base_id = str(uuid.uuid4())
        trace_id = ids.trace_id(base_id)
        try:
            pid = self.served[trace_id] = self._get(path, base_id, KEY)
        except (OSError, http.client.HTTPException):
            self.unanswered.add(trace_id)
            raise
        return pid

    def unsigned(self) -> int:
        return self._get()

    def signed_wrongly(self) -> int:
        return self._get(base_id=str(uuid.uuid4()), key="the-wrong-key")

    def crowd(self, count: int, at_a_time: int = 16) -> set[int]:
        """Signed requests at the same time, some with a body that is sent in pieces, beside others.

        Returns:
            The processes that served the signed ones.
        """

        def send(number: int) -> int:
            if number % 4 == 0:
                self.unsigned()
            elif number % 4 == 1:
                self.signed_wrongly()
            return self.signed("/sales/stream" if number % 3 == 0 else "/sales?article=1")

        with ThreadPoolExecutor(at_a_time) as pool:
            return set(pool.map(send, range(count)))

    @contextlib.contextmanager
    def visitors(self, count: int = 4) -> Iterator[None]:
        """Signed requests all the time while the block lasts; some may find nobody."""
        going = [True]

        def visit() -> None:
            while going:
                with contextlib.suppress(OSError, http.client.HTTPException):
                    self.signed()

        with ThreadPoolExecutor(count) as pool:
            done = [pool.submit(visit) for _ in range(count)]
            try:
                yield
            finally:
                going.clear()
            for one in done:
                one.result()

    def replace_workers(self, number: signal.Signals) -> None:
        """Send the server a signal, and wait until only new processes answer."""
        before = set(self.served.values())
        self.process.signal(number)
        wait_for(
            "new workers",
            lambda: self.recent(20).isdisjoint(before),
            timeout=_BOUND,
            processes=[self.process],
        )

    def wait_for_workers(self, count: int) -> None:
        """Have so many different processes serve signed requests.

        A worker that is still loading the service does not hear in some servers that it is to end; uWSGI
        then replaces none of the others, either.
        """
        seen: set[int] = set()

        def look() -> bool:
            seen.update(self.crowd(16))
            return len(seen) >= count

        wait_for(f"{count} workers", look, timeout=_BOUND, processes=[self.process])

    def recent(self, count: int) -> set[int]:
        """The processes that served the last requests."""
        return set(list(self.served.values())[-count:])

    def _get(self, path: str = "/sales", base_id: str = "", key: str = "") -> int:
        headers = signed_headers(base_id, key=key) if base_id else {}
        reply = request(f"http://127.0.0.1:{self._port}", "GET", path, headers=headers, timeout=_BOUND)
        if reply.status == 503:  # what a server says while its workers change
            raise http.client.HTTPException("nobody there")
        if reply.status != 200:
            logs = "".join(log.read_text(errors="replace") for log in self.process.log.parent.glob("*log"))
            if reply.status == 500 and _DAEMON_GONE in logs:
                raise http.client.HTTPException("its process ended")
            raise ProcessError(f"answered {reply.status}: {logs[-2000:]}")
        return int(reply.body)


def _members(group: int) -> set[int]:
    """Living processes of a process group."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _parent, of = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(of) == group and state != "Z":
                found.add(int(entry.name))
    return found


class Backend:
    """The embedded backend, and what it has received."""

    def __init__(self, path: Path) -> None:
        self._server = Server(str(path), otlp_port=0, viewer_port=0)
        self._server.start()
        self.endpoint = self._server.otlp_endpoint
        self._store = open_store(f"sqlite:{path}")

    def __enter__(self) -> Backend:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop()

    def traces(self) -> dict[int, Trace]:
        return {
            one.trace_id: self._store.get(one.trace_id) for one in self._store.list(TraceQuery(limit=10_000))
        }

    def has(self, trace_ids: set[int]) -> bool:
        """Whether both spans of each request are there."""
        try:
            return all(len(self._store.get(trace_id).spans) >= 2 for trace_id in trace_ids)
        except TraceNotFound:
            return False

    def wait_for(self, running: Running) -> None:
        """Wait until both spans of each signed request that was answered are there."""
        wait_for(
            "all spans",
            lambda: self.has(set(running.served)),
            timeout=_BOUND,
            processes=[running.process],
        )


def check_pairs(traces: dict[int, Trace], running: Running) -> None:
    """Each trace is two spans of the service, made by the process that served the request."""
    for trace_id, trace in traces.items():
        [root] = trace.roots
        [child] = trace.children(root)
        assert len(trace.spans) == 2
        assert (KIND_NAMES[root.kind], KIND_NAMES[child.kind]) == ("SERVER", "INTERNAL")
        assert child.name == "sale"
        for span in trace.spans:
            pid = span.resource["process.pid"]
            assert pid == running.served.get(trace_id, pid)
            assert span.resource["service.name"] == "shop-api"
