"""Where spans go to, and are read from."""

from __future__ import annotations

import contextlib
import itertools
import socket
from pathlib import Path

from otel_bridge.cli.processes import free_ports
from otel_bridge.collector import Server
from otel_bridge.model.trace import Trace
from otel_bridge.stores import TraceNotFound, open_store
from otel_bridge.stores.protocol import TraceQuery

from .places import HOST

_ALL = 10_000


class Backend:
    """Any backend with OTLP over HTTP and a store that can be read."""

    def __init__(self, endpoint: str, store_url: str) -> None:
        """
        Args:
            endpoint: ``http://HOST:PORT``.
            store_url: for :func:`otel_bridge.stores.open_store`.
        """
        self.endpoint = endpoint
        self.store_url = store_url

    @property
    def connection_string(self) -> str:
        """For ``[profiler] connection_string``."""
        return self.endpoint.replace("http://", "otel://")

    def renew(self) -> None:
        """Called before the services are started in another configuration."""

    def traces(self) -> dict[int, Trace]:
        """All that is stored."""
        store = open_store(self.store_url)
        return {
            summary.trace_id: store.get(summary.trace_id) for summary in store.list(TraceQuery(limit=_ALL))
        }

    def trace(self, trace_id: int) -> Trace:
        """One of them; without spans if there is none."""
        try:
            return open_store(self.store_url).get(trace_id)
        except TraceNotFound:
            return Trace.from_spans(trace_id, [])

    def size(self) -> int:
        """Spans stored."""
        return sum(summary.span_count for summary in open_store(self.store_url).list(TraceQuery(limit=_ALL)))


class Embedded(Backend):
    """The embedded one, at ports that do not change: up, down, or hanging there."""

    def __init__(self, directory: Path) -> None:
        self._ports = free_ports(2)
        super().__init__(*(f"http://{HOST}:{port}" for port in self._ports))
        self._directory = directory
        self._numbers = itertools.count(1)
        self._stack = contextlib.ExitStack()
        #: The file that the spans are in.
        self.path = directory

    def renew(self) -> None:
        """Be up, with nothing stored yet."""
        self.path = self._directory / f"traces-{next(self._numbers)}.sqlite"
        self.come_up()

    def come_up(self) -> None:
        """Listen and answer."""
        self.go_down()
        otlp, viewer = self._ports
        server = Server(str(self.path), otlp_port=otlp, viewer_port=viewer)
        server.start()
        self._stack.callback(server.stop)

    def go_down(self) -> None:
        """Refuse connections."""
        self._stack.close()

    def hang(self) -> None:
        """Take connections and never answer."""
        self.go_down()
        self._stack.enter_context(socket.create_server((HOST, self._ports[0]), backlog=1024))
