"""Spans as a program would make them, on a clock of its own."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from otel_bridge.model.trace import STATUS_ERROR, SpanEvent

TRACE_ID = 0x8F14E45FCEEA467AB2A5C0E2D7B1A9F3
#: 2026-11-22 14:06:01.123 UTC
START = 1_795_356_361_123_000_000
INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
_MS = 1_000_000

_PROJECT = "3f1d9c5c3b0f4a0e8c0f2f6b8a5d7e11"
_DATABASES = {
    "nova-api": "nova_api",
    "nova-conductor": "nova_cell1",
    "nova-scheduler": "nova_api",
    "keystone": "keystone",
    "glance-api": "glance",
    "neutron-server": "neutron",
    "placement-api": "placement",
}
_STATEMENTS = {
    "SELECT": "SELECT {0}.id, {0}.created_at, {0}.updated_at FROM {0} WHERE {0}.id = %(id_1)s",
    "INSERT": "INSERT INTO {0} (created_at, uuid) VALUES (%(created_at)s, %(uuid)s)",
    "UPDATE": "UPDATE {0} SET updated_at=%(updated_at)s WHERE {0}.id = %(id_1)s",
}
_HOSTS = {"nova-compute": "compute-17.example"}


class Timeline:
    """Spans as a program would make them: a clock, and the span that is open."""

    def __init__(self, seed: int) -> None:
        self.spans: list[dict[str, Any]] = []
        self.random = random.Random(seed)
        self.now = START
        self._open: list[int] = []
        self._processes: dict[str, dict[str, Any]] = {}

    def work(self, ms: float) -> None:
        self.now += round(ms * _MS * self.random.uniform(0.6, 1.5))

    @contextmanager
    def span(
        self, service: str, name: str, kind: int = INTERNAL, **attributes: Any
    ) -> Iterator[dict[str, Any]]:
        span = {
            "trace_id": TRACE_ID,
            "span_id": self.random.getrandbits(64) or 1,
            "parent_id": self._open[-1] if self._open else 0,
            "name": name,
            "kind": kind,
            "start_ns": self.now,
            "attributes": {key.replace("__", "."): value for key, value in attributes.items()},
            "resource": self._process(service),
            "scope": "otel_bridge",
            "events": (),
            "links": (),
        }
        self.spans.append(span)
        self._open.append(span["span_id"])
        try:
            yield span
        finally:
            self._open.pop()
            span["end_ns"] = self.now

    @contextmanager
    def meanwhile(self, ms: float) -> Iterator[None]:
        """What happens here, below the open span, takes none of its time."""
        before = self.now
        self.work(ms)
        yield
        self.now = before

    def fail(self, span: dict[str, Any], kind: str, message: str, traceback: str = "") -> None:
        span["status"] = STATUS_ERROR
        span["status_message"] = message
        span["attributes"]["error.type"] = kind
        details = {"exception.type": kind, "exception.message": message}
        if traceback:
            details["exception.stacktrace"] = traceback
        span["events"] = (SpanEvent("exception", self.now, details),)

    def _process(self, service: str) -> dict[str, Any]:
        if service not in self._processes:
            self._processes[service] = {
                "service.name": service,
                "service.namespace": service.partition("-")[0],
                "service.instance.id": f"{self.random.getrandbits(128):032x}",
                "host.name": _HOSTS.get(service, "controller-1.example"),
                "process.pid": self.random.randrange(1000, 60000),
                "telemetry.sdk.language": "python",
                "telemetry.sdk.name": "otel_bridge",
            }
        return self._processes[service]

    def query(self, service: str, verb: str, table: str, ms: float = 0.6, times: int = 1) -> None:
        database = _DATABASES[service]
        for _ in range(times):
            with self.span(
                service,
                f"{verb} {database}.{table}",
                CLIENT,
                db__system__name="mysql",
                db__namespace=database,
                db__query__summary=f"{verb} {database}.{table}",
                db__query__text=_STATEMENTS[verb].format(table),
                server__address="db.example",
                server__port=3306,
            ):
                self.work(ms)
            self.work(0.08)

    @contextmanager
    def request(
        self, caller: str | None, service: str, method: str, path: str, status: int = 200
    ) -> Iterator[None]:
        """An HTTP request, with the client's span where somebody of ours calls."""
        host = f"{service}.example"
        if caller is None:
            with self._server(service, method, path, status):
                yield
            return
        with self.span(
            caller,
            method,
            CLIENT,
            http__request__method=method,
            url__full=f"http://{host}{path}",
            server__address=host,
            http__response__status_code=status,
        ) as span:
            self.work(0.7)
            with self._server(service, method, path, status):
                yield
            self.work(0.5)
            if status >= 500:
                span["status"] = STATUS_ERROR
                span["attributes"]["error.type"] = str(status)

    @contextmanager
    def _server(self, service: str, method: str, path: str, status: int) -> Iterator[None]:
        template = "/".join(
            "{id}" if any(map(str.isdigit, part)) and len(part) > 8 else part for part in path.split("/")
        )
        with self.span(
            service,
            f"{method} {template}",
            SERVER,
            http__request__method=method,
            url__path=path,
            url__scheme="http",
            http__response__status_code=status,
            openstack__project_id=_PROJECT,
            openstack__request_id=f"req-{self.random.getrandbits(128):032x}",
            user_agent__original="python-openstackclient keystoneauth1/5.6.0",
        ) as span:
            self.work(0.8)
            yield
            self.work(0.4)
            if status >= 500:
                span["status"] = STATUS_ERROR
                span["attributes"]["error.type"] = str(status)

    @contextmanager
    def call(self, caller: str, service: str, method: str) -> Iterator[None]:
        """An RPC that is waited for."""
        about = {"rpc__system__name": "rabbitmq", "rpc__method": method}
        with self.span(caller, method, CLIENT, **about):
            self.work(1.4)
            with self.span(service, f"{service.title().replace('-', '')}Manager.{method}", SERVER, **about):
                self.work(0.5)
                yield
            self.work(1.1)

    @contextmanager
    def cast(self, caller: str, service: str, method: str, delay: float = 4) -> Iterator[None]:
        """An RPC that nobody waits for: it outlives its caller."""
        about = {
            "messaging__system": "rabbitmq",
            "messaging__destination__name": service,
            "rpc__method": method,
        }
        with self.span(caller, method, PRODUCER, **about):
            self.work(0.9)
            with (
                self.meanwhile(delay),
                self.span(service, f"{service.title().replace('-', '')}Manager.{method}", CONSUMER, **about),
            ):
                yield
