"""A service that never imports us, in the servers that OpenStack runs in."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from environments import Environment, build, copy_libraries, link_libraries

from e2e import servers
from otel_bridge.cli.processes import wait_for
from otel_bridge.collector import Server
from otel_bridge.model.trace import KIND_NAMES, Trace
from otel_bridge.stores import TraceNotFound, open_store

pytestmark = pytest.mark.e2e

_ARRIVE = 20.0  # seconds
#: Between two exports: nothing leaves before the end, unless the end has it leave.
_NEVER = 600.0

#: As DevStack writes it.
_UWSGI = [
    *[
        "--master",
        "--processes",
        "2",
        "--enable-threads",
        "--thunder-lock",
        "--exit-on-reload",
        "--die-on-term",
    ],
    *["--hook-master-start", "unix_signal:15 gracefully_kill_them_all"],
]
_SERVERS: dict[str, tuple[str, list[str]]] = {
    "gunicorn-sync": ("gunicorn", []),
    "gunicorn-gthread": ("gunicorn", ["--worker-class", "gthread", "--threads", "2"]),
    "gunicorn-gevent": ("gunicorn", ["--worker-class", "gevent"]),
    "gunicorn-preload": ("gunicorn", ["--preload"]),
    "gunicorn-gevent-preload": ("gunicorn", ["--worker-class", "gevent", "--preload"]),
    "uwsgi-lazy": ("uwsgi", [*_UWSGI, "--lazy-apps"]),
    "uwsgi-forked": ("uwsgi", _UWSGI),
    "uwsgi-threads": ("uwsgi", [*_UWSGI, "--threads", "2"]),
    "mod_wsgi": ("mod_wsgi", [""]),
    "mod_wsgi-global": ("mod_wsgi", ["%{GLOBAL}"]),
}


@pytest.fixture(scope="module")
def installed() -> servers.Installed:
    return servers.Installed()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"))[0]


@pytest.fixture(scope="module")
def environment(
    tmp_path_factory: pytest.TempPathFactory, installed: servers.Installed, wheel: Path
) -> Environment:
    directory = tmp_path_factory.mktemp("environment")
    libraries = link_libraries(directory / "libraries")
    environment = Environment(directory / "venv", libraries, installed.packages)
    installed.pip(environment, "install", "--no-deps", "--no-index", wheel)
    return environment


@pytest.fixture(scope="module")
def readable_directory() -> Iterator[Path]:
    """One that Apache's user may read, as pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="otel_bridge-apache-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def apaches_environment(readable_directory: Path, installed: servers.Installed, wheel: Path) -> Environment:
    python = servers.python_of_mod_wsgi()
    libraries = copy_libraries(
        *[readable_directory / "libraries", "osprofiler", "oslo.config"],
        *["opentelemetry-api", "opentelemetry-sdk", "opentelemetry-proto"],
    )
    environment = Environment(readable_directory / "venv", libraries, python=python)
    installed.pip(environment, "install", "--no-deps", "--no-index", wheel)
    return environment


class Backend:
    """The embedded backend, and what it has received."""

    def __init__(self, path: Path) -> None:
        self.server = Server(str(path), otlp_port=0, viewer_port=0)
        self.server.start()
        self.endpoint = self.server.otlp_endpoint.removeprefix("http://")
        self._store = open_store(f"sqlite:{path}")

    def traces(self) -> dict[int, Trace]:
        return {one.trace_id: self._store.get(one.trace_id) for one in self._store.list(limit=1000)}

    def has(self, trace_ids: set[int]) -> bool:
        try:
            return all(len(self._store.get(trace_id).spans) >= 2 for trace_id in trace_ids)
        except TraceNotFound:
            return False


@pytest.fixture
def backend(tmp_path):
    backend = Backend(tmp_path / "traces.sqlite")
    yield backend
    backend.server.stop()


@pytest.fixture(params=_SERVERS)
def start(request, installed, tmp_path, backend) -> Callable[[float], servers.Running]:
    """Start the server with seconds between two exports."""
    kind, options = _SERVERS[request.param]
    directory = tmp_path / "shop"
    if kind == "mod_wsgi":
        command = servers.mod_wsgi(request.getfixturevalue("apaches_environment"), *options)
        directory = Path(tempfile.mkdtemp(dir=request.getfixturevalue("readable_directory"))) / "shop"
        directory.parent.chmod(0o755)
    elif kind == "uwsgi":
        command = servers.uwsgi(installed.uwsgi, request.getfixturevalue("environment"), *options)
    else:
        command = servers.gunicorn(request.getfixturevalue("environment"), *options)
    directory.mkdir()
    return lambda delay: servers.Running(directory, backend.endpoint, command, delay)


def send(running: servers.Running) -> None:
    """Signed requests until both processes have served one, and others that nobody may see."""
    for _ in range(100):
        running.signed()
        if len(running.served) >= 10 and len(set(running.served.values())) == 2:
            break
    running.unsigned()
    running.signed_wrongly()


def check(traces: dict[int, Trace], running: servers.Running) -> None:
    """Each signed request left its two spans, made by the process that served it; others left none."""
    assert set(traces) == set(running.served)
    for trace_id, trace in traces.items():
        [root] = trace.roots
        [child] = trace.children(root)
        assert len(trace.spans) == 2
        assert (KIND_NAMES[root.kind], KIND_NAMES[child.kind]) == ("SERVER", "INTERNAL")
        assert child.name == "sale"
        for span in trace.spans:
            assert span.resource["process.pid"] == running.served[trace_id]
            assert span.resource["service.name"] == "shop-api"


def test_signed_requests_are_traced_while_the_server_runs(start, backend):
    with start(0.1) as running:
        send(running)
        wait_for(
            "all spans",
            lambda: backend.has(set(running.served)),
            timeout=_ARRIVE,
            processes=[running.process],
        )
        check(backend.traces(), running)
    check(backend.traces(), running)


def test_what_was_recorded_last_arrives_when_the_server_is_stopped(start, backend):
    with start(_NEVER) as running:
        send(running)
        assert backend.traces() == {}
    check(backend.traces(), running)
