"""A store with traces, and environments with the programs that read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import osprofiler_goldens as goldens
import osprofiler_points
import pytest
import stored
import traces
from environments import Environment, link_libraries

from e2e.servers import Installed
from otel_bridge.collector import Server

_HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a running embedded backend with the traces of the workload, and a hostile one."""
    points = osprofiler_points.load(goldens.POINTS)
    with Server(str(tmp_path_factory.mktemp("store") / "traces.db"), otlp_port=0, viewer_port=0) as server:
        for base_id in (goldens.BOOT, goldens.SHOW, goldens.FAIL):
            of_trace = [point for point in points if point["base_id"] == base_id]
            stored.send(server, osprofiler_points.spans(of_trace))
        stored.send(server, traces.hostile())
        yield server.viewer_url


@pytest.fixture
def connection(viewer: str) -> str:
    """OSProfiler's connection string."""
    return f"otel://collector:4318?store={quote(viewer, safe='')}"


@pytest.fixture(scope="session")
def with_bridge(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Callable[[str], Environment]:
    """Gives a function of the name of a lock: an environment with what is in it, and with otel_bridge."""
    made: dict[str, Environment] = {}

    def with_bridge(name: str) -> Environment:
        if name not in made:
            directory = tmp_path_factory.mktemp(name)
            installed = Installed(name, _HERE / f"{name}.lock")
            # otel_bridge's own libraries are those of this environment.
            libraries = link_libraries(directory / "libraries")
            made[name] = Environment(directory / "venv", installed.packages, libraries)
            installed.pip(made[name], "install", "--no-deps", "--no-index", wheel)
        return made[name]

    return with_bridge
