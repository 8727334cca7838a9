"""opentelemetry-instrument and OpenTelemetry's own instrumentations, unchanged, gated by HMAC.

Real processes: the Flask example, and programs of a few lines, with a real OTLP receiver.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from adopting import PATIENCE, Receiver, receiving
from environments import clean_environ
from speaking import request, signed_headers

from otel_bridge.cli.processes import Process, free_ports, wait_for
from otel_bridge.wire import ids

for _name in ("flask", "requests", "sqlalchemy"):
    pytest.importorskip(f"opentelemetry.instrumentation.{_name}")

pytestmark = pytest.mark.integration

EXAMPLE = Path(__file__).parents[2] / "examples/flask"
INSTRUMENT = [str(Path(sys.executable).parent / "opentelemetry-instrument")]
KEY = "the-right-key"
PARENT = "11111111-2222-4333-8444-555555555555"
FOREIGN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SERVER, CLIENT = 2, 3

#: An application whose configurator is the SDK's own, as opentelemetry-distro has it.
SDK_CONFIGURATOR = """
from opentelemetry.sdk._configuration import _OTelSDKConfigurator

class Configurator(_OTelSDKConfigurator):
    pass
"""


def headers_of(base_id: str, key: str = KEY) -> dict[str, str]:
    return signed_headers(base_id, PARENT, key)


def refused() -> dict[str, dict[str, str]]:
    """Requests that must leave no span."""
    good = headers_of(str(uuid.uuid4()))
    return {
        "unsigned": {},
        "wrong key": headers_of(str(uuid.uuid4()), "another-key"),
        "traceparent only": {"traceparent": FOREIGN},
        "traceparent and a wrong key": {
            "traceparent": FOREIGN,
            **headers_of(str(uuid.uuid4()), "another-key"),
        },
        "no signature": {"X-Trace-Info": good["X-Trace-Info"], "traceparent": FOREIGN},
        "the signature of other trace info": {
            **headers_of(str(uuid.uuid4())),
            "X-Trace-HMAC": good["X-Trace-HMAC"],
        },
        "garbage": {"X-Trace-Info": "\xff\x01{}", "X-Trace-HMAC": "0" * 40, "traceparent": "garbage"},
        "too long": {"X-Trace-Info": "A" * 20_000, "X-Trace-HMAC": "0" * 40},
        "b3": {"b3": "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1"},
    }


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.fixture
def by_distro(receiver: Receiver) -> dict[str, str]:
    """The environment in which everything is ours."""
    return {"OTEL_PYTHON_DISTRO": "otel_bridge", "OTEL_BRIDGE_HMAC_KEYS": f"old-key, {KEY}"}


@pytest.fixture
def by_sdk(tmp_path: Path) -> dict[str, str]:
    """The environment in which the SDK makes the spans, and ours are the sampler and the propagator."""
    site = tmp_path / "site"
    metadata = site / "stock_distro-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "stock_distro.py").write_text(SDK_CONFIGURATOR)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stock-distro\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[opentelemetry_configurator]\nstock = stock_distro:Configurator\n"
    )
    return {
        "PYTHONPATH": str(site),
        "OTEL_PYTHON_CONFIGURATOR": "stock",
        "OTEL_PROPAGATORS": "osprofiler",
        "OTEL_TRACES_SAMPLER": "osprofiler_hmac",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_BRIDGE_HMAC_KEYS": f"old-key, {KEY}",
    }


@pytest.fixture(params=["by_distro", "by_sdk"])
def way(request: pytest.FixtureRequest) -> dict[str, str]:
    found: dict[str, str] = request.getfixturevalue(request.param)
    return found


def environment(receiver: Receiver, **further: str) -> dict[str, str]:
    """Nothing of OpenTelemetry's that this test has not set."""
    return clean_environ(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, **further)


class Service:
    """A program under opentelemetry-instrument that listens on ``port``."""

    def __init__(self, log: Path, arguments: list[str], environ: Mapping[str, str], port: int) -> None:
        self.port = port
        self.process = Process(log.name, [*INSTRUMENT, *arguments], log=log, env=environ)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.port}"
        answer = request(url, "GET", path, headers=headers, timeout=PATIENCE)
        return answer.status, answer.body.decode()

    def answers(self) -> bool:
        try:
            self.get("/")
        except OSError:
            return False
        return True

    def end(self) -> None:
        """By SIGTERM, as whatever supervises it does."""
        self.process.signal(signal.SIGTERM)
        wait_for("its end", lambda: self.process.exit_code is not None, timeout=PATIENCE)


@contextmanager
def running(*services: Service) -> Iterator[None]:
    """Services that answer, until the end of the block."""
    try:
        for service in services:
            service.process.start()
        for service in services:
            wait_for("an answer", service.answers, timeout=PATIENCE, processes=[service.process])
        yield
        for service in services:
            service.end()
    finally:
        for service in services:
            service.process.stop()


def example(tmp_path: Path, environ: Mapping[str, str], **settings: str) -> tuple[Service, Service]:
    """The two services of examples/flask: orders, and stock, which it asks."""
    ports = free_ports(2)
    made = []
    for name, port in zip(("orders", "stock"), ports, strict=True):
        arguments = [sys.executable, "-m", "flask", "--app", f"app:{name}", "run", "--port", str(port)]
        path = os.pathsep.join(filter(None, [str(EXAMPLE), environ.get("PYTHONPATH")]))
        further = {
            "PYTHONPATH": path,
            "OTEL_SERVICE_NAME": name,
            "STOCK_URL": f"http://127.0.0.1:{ports[1]}",
            **settings,
        }
        made.append(Service(tmp_path / f"{name}.log", arguments, {**environ, **further}, port))
    return made[0], made[1]


def tree_of(spans: list[Any], base_id: str) -> list[tuple[int, str, str | None]]:
    """Kind, name and parent's name of each span of that trace; the parent has to be there, and once."""
    trace_id = ids.trace_id(base_id).to_bytes(16, "big")
    found = [span for span in spans if span.trace_id == trace_id]
    named = {span.span_id: span.name for span in found}
    assert len(named) == len(found), "two spans with one id"
    above = uuid.UUID(PARENT).bytes[8:]
    shape = []
    for span in found:
        if span.parent_span_id == above:
            shape.append((span.kind, span.name, None))
        else:
            assert span.parent_span_id in named, f"{span.name} has lost its parent"
            shape.append((span.kind, span.name, named[span.parent_span_id]))
    return sorted(shape, key=str)


ORDERS, STOCK = "GET /orders/<int:number>", "GET /items/<int:number>"
#: What one signed request for an order is, through both services.
TREE = sorted(
    [
        (SERVER, ORDERS, None),
        (CLIENT, "GET", ORDERS),
        (SERVER, STOCK, "GET"),
        (CLIENT, "connect", STOCK),
        (CLIENT, "SELECT", STOCK),
    ],
    key=str,
)


def test_only_signed_requests_leave_spans_and_each_of_these_one_true_tree(tmp_path, receiver, way):
    """Flask calls Flask, both by OpenTelemetry's own instrumentations."""
    orders, stock = example(tmp_path, environment(receiver, **way))
    bases = [str(uuid.uuid4()) for _ in range(3)]
    with running(orders, stock):
        expected = orders.get("/orders/1")
        assert expected[0] == 200
        for name, headers in refused().items():
            assert orders.get("/orders/1", headers) == expected, name
        assert orders.get("/orders/2")[0] == 404
        for base_id in bases:
            assert orders.get("/orders/1", headers_of(base_id)) == expected
        wait_for("the spans", lambda: len(receiver.spans) >= 3 * len(TREE), timeout=PATIENCE)
    for base_id in bases:
        assert tree_of(receiver.spans, base_id) == TREE
    assert len(receiver.spans) == 3 * len(TREE), receiver.named()


def test_a_traceparent_of_the_signed_trace_refines_the_parent_and_another_is_linked(
    tmp_path, receiver, by_distro
):
    """What is signed says which trace it is, whatever stands beside it."""
    _, stock = example(tmp_path, environment(receiver, **by_distro))
    within, beside = str(uuid.uuid4()), str(uuid.uuid4())
    with running(stock):
        traceparent = f"00-{ids.trace_id(within):032x}-00f067aa0ba902b7-01"
        stock.get("/items/1", {**headers_of(within), "traceparent": traceparent})
        stock.get("/items/1", {**headers_of(beside), "traceparent": FOREIGN})
    servers = {span.trace_id.hex(): span for span in receiver.spans if span.kind == SERVER}
    refined, linked = servers[f"{ids.trace_id(within):032x}"], servers[f"{ids.trace_id(beside):032x}"]
    assert refined.parent_span_id.hex() == "00f067aa0ba902b7"
    assert linked.parent_span_id == uuid.UUID(PARENT).bytes[8:]
    assert [link.trace_id.hex() for link in linked.links] == [FOREIGN.split("-")[1]]
    assert len(servers) == 2


#: The instrumentations that the user leaves out are done by ours, if we have one.
OURS_INSTEAD = sorted(
    [
        (SERVER, ORDERS, None),
        (CLIENT, "GET", ORDERS),
        (SERVER, STOCK, "GET"),
        (CLIENT, "SELECT items", STOCK),
    ],
    key=str,
)


def test_ours_stand_in_for_those_that_the_user_leaves_out(tmp_path, receiver, by_distro):
    """One span for each call, whoever makes it."""
    left_out = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "requests, urllib3,sqlalchemy"}
    orders, stock = example(tmp_path, environment(receiver, **by_distro, **left_out))
    base_id = str(uuid.uuid4())
    with running(orders, stock):
        assert orders.get("/orders/1")[0] == 200
        assert orders.get("/orders/1", headers_of(base_id))[0] == 200
    assert tree_of(receiver.spans, base_id) == OURS_INSTEAD
    assert len(receiver.spans) == len(OURS_INSTEAD)


#: A WSGI application with OpenTelemetry's middleware around it.
WSGI = """
import sys
from wsgiref.simple_server import make_server
from opentelemetry import trace
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware

def application(environ, start_response):
    with trace.get_tracer("shop").start_as_current_span("work"):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"done"]

make_server("127.0.0.1", int(sys.argv[1]), OpenTelemetryMiddleware(application)).serve_forever()
"""


def test_the_wsgi_middleware_is_gated(tmp_path, receiver, way):
    """And with it what the application itself records by OpenTelemetry's interface."""
    [port] = free_ports(1)
    service = Service(
        tmp_path / "wsgi.log", [sys.executable, "-c", WSGI, str(port)], environment(receiver, **way), port
    )
    base_id = str(uuid.uuid4())
    with running(service):
        for name, headers in refused().items():
            assert service.get("/", headers) == (200, "done"), name
        assert service.get("/", headers_of(base_id)) == (200, "done")
        wait_for("the spans", lambda: len(receiver.spans) >= 2, timeout=PATIENCE)
    assert tree_of(receiver.spans, base_id) == [(1, "work", "GET /"), (SERVER, "GET /", None)]
    assert len(receiver.spans) == 2


#: Makes one span in each process that it forks, and one itself: each ends in another way.
FORKING = """
import os, signal, sys
from opentelemetry import context, propagate, trace

def record(name):
    with trace.get_tracer("forking").start_as_current_span(name):
        pass

context.attach(propagate.extract(eval(sys.argv[1])))
record("parent, before")
for way in ("_exit", "return", "SIGTERM"):
    child = os.fork()
    if not child:
        record(way)
        if way == "_exit":
            os._exit(0)
        if way == "SIGTERM":
            os.kill(os.getpid(), signal.SIGTERM)
        sys.exit(0)
    os.waitpid(child, 0)
record("parent, after")
"""


def run(code: str, environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*INSTRUMENT, sys.executable, "-c", code, *arguments],
        env=dict(environ),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_no_process_that_is_forked_or_ends_loses_a_span(receiver, by_distro):
    done = run(FORKING, environment(receiver, **by_distro), repr(headers_of(str(uuid.uuid4()))))
    assert (done.returncode, done.stderr) == (0, "")
    assert receiver.named() == ["SIGTERM", "_exit", "parent, after", "parent, before", "return"]


#: Says what there is of OpenTelemetry, and whether an instrumentation has been loaded.
LOOKING = """
import json, sys
from opentelemetry import propagate, trace
import requests
print(json.dumps([
    type(trace.get_tracer_provider()).__module__,
    type(propagate.get_global_textmap()).__module__,
    hasattr(requests.Session.send, "opentelemetry_instrumentation_requests_applied"),
]))
"""

UNTRACED = ["opentelemetry.trace", "opentelemetry.propagators.composite", False]
TRACED = ["otel_bridge.tracing.provider", "otel_bridge.global_tracing", True]


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "OTEL_BRIDGE_HMAC_KEYS: there is no HMAC key"),
        ({"OTEL_BRIDGE_HMAC_KEYS": " , "}, "OTEL_BRIDGE_HMAC_KEYS: there is no HMAC key"),
        ({"OTEL_BRIDGE_HMAC_KEYS_FILE": "/nonexistent"}, "OTEL_BRIDGE_HMAC_KEYS_FILE: "),
        (
            {"OTEL_BRIDGE_HMAC_KEYS": KEY, "OTEL_EXPORTER_OTLP_ENDPOINT": "nonsense"},
            "OTEL_EXPORTER_OTLP_ENDPOINT: ",
        ),
    ],
    ids=["no key", "blank keys", "no file", "endpoint"],
)
def test_what_cannot_be_traced_runs_as_if_it_were_not_there(receiver, environ, said):
    """One line says what is in the way, and no instrumentation is loaded in vain."""
    done = run(LOOKING, {**environment(receiver, OTEL_PYTHON_DISTRO="otel_bridge"), **environ})
    assert (done.returncode, json.loads(done.stdout)) == (0, UNTRACED)
    [line] = done.stderr.splitlines()
    assert line.startswith(said)
    assert KEY not in line


def test_the_variable_that_switches_the_sdk_off_switches_this_off(receiver, by_distro):
    """That is what the user wanted, so nothing is said."""
    done = run(LOOKING, environment(receiver, **by_distro, OTEL_SDK_DISABLED="true"))
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, UNTRACED, "")


def test_to_be_installed_is_not_to_be_chosen(receiver):
    """Where nobody names the distro, opentelemetry-instrument does what it would do without it."""
    done = run(LOOKING, environment(receiver, OTEL_BRIDGE_HMAC_KEYS=KEY))
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, [*UNTRACED[:2], True], "")


def test_another_configurator_is_not_kept_from_its_work(receiver, by_sdk):
    """Of several configurators the first is loaded: if it is ours, and nobody asked for it, theirs runs."""
    del by_sdk["OTEL_PYTHON_CONFIGURATOR"]
    done = run(LOOKING, environment(receiver, **by_sdk))
    assert json.loads(done.stdout)[0] == "opentelemetry.sdk.trace"


@pytest.mark.parametrize(
    "configurator", [{}, {"OTEL_PYTHON_CONFIGURATOR": "otel_bridge"}], ids=["implied", "named"]
)
def test_beside_another_distro_ours_is_taken_where_it_is_named(receiver, by_sdk, by_distro, configurator):
    environ = environment(receiver, PYTHONPATH=by_sdk["PYTHONPATH"], **by_distro, **configurator)
    done = run(LOOKING, environ)
    assert (done.returncode, json.loads(done.stdout)) == (0, TRACED)


#: A library that OpenTelemetry has nothing for, and that must not be imported before its time.
WAITING = """
import json, sys
early = sorted({"oslo_messaging", "oslo_service"} & set(sys.modules))
import oslo_messaging
from oslo_messaging.transport import Transport
print(json.dumps([early, hasattr(Transport._send, "__wrapped__")]))
"""


@pytest.mark.parametrize("name", ["by_distro", "by_sdk"])
def test_ours_wait_until_the_application_imports_the_library(receiver, name, request):
    """oslo.messaging chooses the threading model when it is imported: with any distro not before its time."""
    pytest.importorskip("oslo_messaging")
    done = run(WAITING, environment(receiver, **request.getfixturevalue(name)))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [[], True]


#: Says whose providers of the three signals there are.
PROVIDERS = """
import json
from opentelemetry import _logs, metrics, trace
found = metrics.get_meter_provider(), _logs.get_logger_provider(), trace.get_tracer_provider()
print(json.dumps([type(provider).__module__ for provider in found]))
"""


@pytest.mark.parametrize(
    ("asked", "meters", "loggers"),
    [
        ({}, "opentelemetry.metrics._internal", "opentelemetry._logs._internal"),
        (
            {"OTEL_METRICS_EXPORTER": "console"},
            "opentelemetry.sdk.metrics._internal",
            "opentelemetry._logs._internal",
        ),
        (
            {"OTEL_LOGS_EXPORTER": "console"},
            "opentelemetry.metrics._internal",
            "opentelemetry.sdk._logs._internal",
        ),
    ],
    ids=["none", "metrics", "logs"],
)
def test_other_signals_are_the_sdks_where_the_user_asks_for_them(receiver, by_distro, asked, meters, loggers):
    done = run(PROVIDERS, environment(receiver, **by_distro, **asked))
    assert json.loads(done.stdout.splitlines()[0]) == [meters, loggers, TRACED[0]], done.stderr
