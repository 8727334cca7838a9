"""The example on real servers, the requests that the tests send to it, and what these have to leave."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from e2e import counted, shapes
from e2e.mariadb import MariaDB
from e2e.rabbitmq import RabbitMQ
from otel_bridge.cli.example import Answer, Example, Options
from otel_bridge.cli.processes import ProcessError, wait_for
from otel_bridge.model.trace import Trace
from otel_bridge.stores import TraceNotFound
from otel_bridge.stores.protocol import TraceStore

KEY = "the-right-key"
HOSTS = ("node-1", "node-2")
CONCURRENT = 10
ARRIVE = 30.0  # seconds; spans are exported five times a second


class Sent(NamedTuple):
    """A signed request, what it has to be answered, and what it has to leave."""

    what: str
    status: int
    shape: str
    answer: Answer


class Counted(Example):
    """The example, whose processes tell at their end what became of their spans."""

    def command(self, role: str) -> list[str]:
        return [sys.executable, counted.__file__, f"compute.{role}"]

    def counts(self) -> list[dict[str, Any]]:
        """Of each process, once they are stopped."""
        lines = [line for process in self.processes.values() for line in process.output().splitlines()]
        return [
            json.loads(line.removeprefix(counted.MARK)) for line in lines if line.startswith(counted.MARK)
        ]


class Start:
    """Starts the example with two API workers, on a MariaDB of its own; one at a time on RabbitMQ."""

    def __init__(self, rabbitmq: RabbitMQ, new_directory: Callable[[str], Any]) -> None:
        self._rabbitmq, self._new_directory = rabbitmq, new_directory

    @contextlib.contextmanager
    def __call__(self, endpoint: str, **options: str) -> Iterator[Counted]:
        """Run the example while the block lasts; ``options`` are of ``[otel_bridge]``."""
        with (
            MariaDB() as mariadb,
            Counted(
                Options(
                    directory=self._new_directory("example"),
                    key=KEY,
                    endpoint=endpoint,
                    transport_url=self._rabbitmq.url,
                    database_url=mariadb.create_database("compute"),
                    workers=2,
                    hosts=HOSTS,
                    more={"otel_bridge": options},
                )
            ) as example,
        ):
            yield example


def send_round(example: Example) -> list[Sent]:
    """Ten signed requests, five unsigned ones and five signed with a wrong key, all at the same time."""
    doomed = example.create_server("doomed", "cirros").body["server"]["id"]

    def create(what: str, status: int, shape: str) -> Callable[[], Sent]:
        return lambda: Sent(what, status, shape, example.create_server(what, what, signed=True))

    def other(method: str, path: str, status: int, shape: str) -> Callable[[], Sent]:
        return lambda: Sent(method, status, shape, example.request(method, path, signed=True))

    signed = [
        *[create("cirros", 201, shapes.CREATE)] * 4,
        *[create("broken", 500, shapes.CREATE_FROM_BROKEN_IMAGE)] * 2,
        *[create("unknown", 400, shapes.CREATE_FROM_UNKNOWN_IMAGE)] * 2,
        other("GET", "/v2.1/servers", 200, shapes.LIST),
        other("DELETE", f"/v2.1/servers/{doomed}", 204, shapes.DELETE),
    ]
    assert len(signed) == CONCURRENT
    body = {"server": {"name": "refused", "imageRef": "cirros"}}
    with ThreadPoolExecutor(2 * CONCURRENT) as pool:
        others = [pool.submit(example.create_server, "unsigned", "cirros") for _ in range(5)]
        others += [
            pool.submit(example.request, "POST", "/v2.1/servers", body, signed=True, key="a wrong key")
            for _ in range(5)
        ]
        sent = [future.result() for future in [pool.submit(send) for send in signed]]
        assert {future.result().status for future in others} == {201}
    return sent


def create_servers(example: Example) -> list[Sent]:
    """Ten servers, created at the same time; returns when all that was cast for them has been done."""

    def create(_: int) -> Sent:
        return Sent("cirros", 201, shapes.CREATE, example.create_server("one", "cirros", signed=True))

    with ThreadPoolExecutor(CONCURRENT) as pool:
        sent = list(pool.map(create, range(CONCURRENT)))
    assert {request.answer.status for request in sent} == {201}

    def all_served() -> bool:
        nodes = [example.processes[f"compute-{host}"].output().count("nodes: ") for host in HOSTS]
        actions = example.processes["conductor"].output().count("was asked for")
        return min(*nodes, actions) == CONCURRENT

    wait_for("the end of all messages", all_served, timeout=ARRIVE, processes=example.processes.values())
    return sent


def settled(store: TraceStore, sent: list[Sent]) -> dict[int, Trace]:
    """The traces of the requests, once they have all their spans, or as they are when the time is up."""
    found: dict[int, Trace] = {}

    def all_there() -> bool:
        for request in sent:
            trace_id, spans = request.answer.trace_id, shapes.size(request.shape)
            if trace_id not in found or len(found[trace_id].spans) < spans:
                with contextlib.suppress(TraceNotFound):
                    found[trace_id] = store.get(trace_id)
        return all(
            request.answer.trace_id in found
            and len(found[request.answer.trace_id].spans) >= shapes.size(request.shape)
            for request in sent
        )

    # What is missing then is shown by the tests that compare trees.
    with contextlib.suppress(ProcessError):
        wait_for("all spans", all_there, timeout=ARRIVE)
    return found
