"""One trace over osprofiler, otel_bridge and OpenTelemetry's SDK: each span below the right one."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from environments import Environment, link_libraries
from speaking import request, signed_headers

from e2e import servers
from e2e.interop.redis_server import Redis
from e2e.servers.installing import Installed
from otel_bridge.cli.processes import Process, free_ports, is_served, wait_for
from otel_bridge.model.trace import KIND_NAMES, SpanRecord, Trace
from otel_bridge.wire import ids

pytestmark = pytest.mark.e2e

_HERE = Path(__file__).parent
_BOUND = 30.0  # seconds


@pytest.fixture(scope="module")
def upstream(tmp_path_factory) -> Environment:
    """An environment with osprofiler and OpenTelemetry in it, and not otel_bridge."""
    directory = tmp_path_factory.mktemp("upstream")
    installed = Installed("interop", _HERE / "requirements.txt")
    return Environment(directory / "venv", link_libraries(directory / "libraries"), installed.packages)


@pytest.fixture(scope="module")
def with_bridge(tmp_path_factory, wheel) -> Environment:
    """The same, with otel_bridge installed."""
    directory = tmp_path_factory.mktemp("bridge")
    environment = Environment(directory / "venv", link_libraries(directory / "libraries"))
    Installed("interop", _HERE / "requirements.txt").pip(
        environment, "install", "--no-deps", "--no-index", wheel
    )
    return environment


@pytest.fixture(scope="module")
def redis(tmp_path_factory) -> Iterator[Redis]:
    with Redis(tmp_path_factory.mktemp("redis")) as redis:
        yield redis


class Chain:
    """The services, each with the URL of the next one."""

    def __init__(self, directory: Path, processes: dict[str, Process], ports: dict[str, int]) -> None:
        self.directory, self.processes, self._ports = directory, processes, ports

    def get(self, service: str, headers: dict[str, str]) -> str:
        url = f"http://127.0.0.1:{self._ports[service]}"
        reply = request(url, "GET", "/things", headers=headers, timeout=_BOUND)
        logs = {name: process.output()[-2000:] for name, process in self.processes.items()}
        assert reply.status == 200, f"{reply.body!r}\n{logs}"
        return reply.body.decode()


@pytest.fixture
def start(
    tmp_path, upstream, with_bridge, rabbitmq, redis, backend
) -> Iterator[Callable[[dict[str, str], str], Chain]]:
    """Gives a function of the SDK service's variables and of options of the last service."""
    with contextlib.ExitStack() as stack:

        def start(environ: dict[str, str], last_options: str) -> Chain:
            ports = dict(zip(("plain", "ours", "standard", "last"), free_ports(4), strict=True))
            urls = {name: f"http://127.0.0.1:{port}/things" for name, port in ports.items()}
            export = f"[otel_bridge]\nendpoint = {backend.endpoint}\n"
            profiler = f"[profiler]\nenabled = true\nhmac_keys = {servers.KEY}\n"

            def file(name: str, text: str) -> Path:
                (tmp_path / name).write_text(text)
                return tmp_path / name

            rabbit = f"transport_url = {rabbitmq.url}\n"
            plain = file(
                "plain.conf", f"[DEFAULT]\nnext = {urls['ours']}\n{profiler}connection_string = {redis.url}\n"
            ).as_posix()
            ours = file("ours.conf", f"[DEFAULT]\n{rabbit}next = {urls['standard']}\n{profiler}{export}")
            last = file("last.conf", f"{profiler}{export}{last_options}\n")
            bridged = any("osprofiler" in value for value in environ.values())
            commands: dict[str, tuple[Environment, list[object]]] = {
                "plain": (upstream, ["plain.py", plain, ports["plain"]]),
                "worker": (with_bridge, ["ours.py", ours, "worker", 0]),
                "ours": (with_bridge, ["ours.py", ours, "api", ports["ours"]]),
                "standard": (
                    with_bridge if bridged else upstream,
                    ["standard.py", urls["last"], ports["standard"]],
                ),
                "last": (with_bridge, ["ours.py", last, "last", ports["last"]]),
            }
            sdk = {
                "OTEL_SERVICE_NAME": "standard",
                "OTEL_EXPORTER_OTLP_ENDPOINT": backend.endpoint,
                "OTEL_BSP_SCHEDULE_DELAY": "100",
                "OTEL_TRACES_SAMPLER": "parentbased_always_off",
                **environ,
            }
            processes = {}
            for name, (python, (script, *arguments)) in commands.items():
                argv = [str(python.python), str(_HERE / str(script)), *map(str, arguments)]
                process = Process(name, argv, log=tmp_path / f"{name}.log", env=_environ(sdk, name))
                processes[name] = stack.enter_context(process)
            for name, process in processes.items():
                up = partial(is_served, ports[name]) if name in ports else partial(_has_started, process)
                wait_for(name, up, timeout=_BOUND, processes=[process])
            return Chain(tmp_path, processes, ports)

        yield start


def _has_started(process: Process) -> bool:
    return "started" in process.output()


def _environ(sdk: dict[str, str], name: str) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": "/tmp", **(sdk if name == "standard" else {})}


def signed(base_id: str) -> dict[str, str]:
    return signed_headers(base_id, key=servers.KEY)


def points(upstream: Environment, redis: Redis, base_id: str) -> list[dict[str, object]]:
    """What osprofiler's own command finds in Redis, from the outermost point inwards."""
    arguments = ["trace", "show", "--json", "--connection-string", redis.url, base_id]
    report = json.loads(upstream.run("-W", "ignore", "-m", "osprofiler.cmd.shell", *arguments))
    found, below = [], report["children"]
    while below:
        [node] = below
        found.append(node)
        below = node["children"]
    return found


def path(trace: Trace) -> list[SpanRecord]:
    """The spans from the outermost one to the innermost; no span may have a sibling."""
    [span] = trace.roots
    found = [span]
    while below := trace.children(found[-1]):
        [span] = below
        found.append(span)
    assert len(found) == len(trace.spans)
    return found


#: Service and kind, as far as the service on the SDK.
_UNTIL_STANDARD = [
    ("ours-api", "SERVER"),
    ("ours-api", "CLIENT"),
    ("ours-worker", "SERVER"),
    ("ours-worker", "CLIENT"),
    ("standard", "SERVER"),
    ("standard", "CLIENT"),
]
_LAST = [("ours-last", "SERVER")]
_W3C = {"OTEL_PROPAGATORS": "tracecontext"}
_SIGNED = "HTTP_X_TRACE_INFO HTTP_X_TRACE_HMAC HTTP_TRACEPARENT"


@pytest.mark.parametrize(
    ("environ", "last_options", "sent", "shape"),
    [
        pytest.param(
            {"OTEL_PROPAGATORS": "osprofiler,tracecontext", "OTEL_BRIDGE_HMAC_KEYS": servers.KEY},
            "",
            _SIGNED,
            [*_UNTIL_STANDARD, *_LAST],
            id="the SDK signs",
        ),
        pytest.param(
            _W3C,
            "trust_traceparent = 127.0.0.1",
            "HTTP_TRACEPARENT",
            [*_UNTIL_STANDARD, *_LAST],
            id="the SDK is trusted",
        ),
        pytest.param(_W3C, "", "HTTP_TRACEPARENT", _UNTIL_STANDARD, id="the SDK is not trusted"),
    ],
)
def test_one_trace_over_all_of_them(start, upstream, redis, backend, environ, last_options, sent, shape):
    chain = start(environ, last_options)
    base_id = str(uuid.uuid4())
    assert chain.get("plain", signed(base_id)) == sent
    chain.get("plain", {})
    trace_id = ids.trace_id(base_id)
    wait_for(
        "the trace",
        lambda: sum(len(trace.spans) for trace in backend.traces().values()) >= len(shape),
        timeout=_BOUND,
        processes=chain.processes.values(),
    )
    for process in chain.processes.values():  # what is still on its way arrives, too
        process.stop()
    traces = backend.traces()
    assert set(traces) == {trace_id}
    spans = path(traces[trace_id])
    assert [(span.resource["service.name"], KIND_NAMES[span.kind]) for span in spans] == shape
    request, ask = points(upstream, redis, base_id)
    assert (request["parent_id"], ask["parent_id"]) == (base_id, request["trace_id"])
    assert spans[0].parent_id == ids.span_id(ask["trace_id"])


def test_a_signed_request_with_anothers_traceparent_is_linked_and_not_merged(start, backend):
    chain = start(_W3C, "trust_traceparent = 127.0.0.1")
    base_id, other, span_id = str(uuid.uuid4()), uuid.uuid4().int, 0x1234
    traceparent = f"00-{other:032x}-{span_id:016x}-01"
    chain.get("last", {**signed(base_id), "traceparent": traceparent})
    wait_for("the trace", backend.traces, timeout=_BOUND, processes=chain.processes.values())
    chain.processes["last"].stop()
    [(trace_id, trace)] = backend.traces().items()
    [span] = trace.spans
    assert trace_id == ids.trace_id(base_id)
    assert not span.parent_id
    assert [(link.trace_id, link.span_id) for link in span.links] == [(other, span_id)]
