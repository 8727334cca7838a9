"""Environments with the servers in them, made once."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from environments import Environment, copy_libraries, link_libraries

from e2e import servers


@pytest.fixture(scope="session")
def installed() -> servers.Installed:
    return servers.Installed()


@pytest.fixture(scope="session")
def environment(
    tmp_path_factory: pytest.TempPathFactory, installed: servers.Installed, wheel: Path
) -> Environment:
    directory = tmp_path_factory.mktemp("environment")
    libraries = link_libraries(directory / "libraries")
    environment = Environment(directory / "venv", libraries, installed.packages)
    installed.pip(environment, "install", "--no-deps", "--no-index", wheel)
    return environment


@pytest.fixture(scope="session")
def readable_directory() -> Iterator[Path]:
    """One that Apache's user may read, as pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="otel_bridge-apache-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def apaches_environment(readable_directory: Path, installed: servers.Installed, wheel: Path) -> Environment:
    python = servers.python_of_mod_wsgi()
    libraries = copy_libraries(
        *[readable_directory / "libraries", "osprofiler", "oslo.config", "opentelemetry-instrumentation"],
        *["opentelemetry-api", "opentelemetry-sdk", "opentelemetry-proto"],
    )
    environment = Environment(readable_directory / "venv", libraries, python=python)
    installed.pip(environment, "install", "--no-deps", "--no-index", wheel)
    return environment


@pytest.fixture
def serve(request, installed, tmp_path) -> Callable[..., servers.Running]:
    """Gives a function of a kind of server, its options, a service and a configuration; not started."""

    def serve(kind: str, options: list[str], service: str, configuration: str) -> servers.Running:
        directory = tmp_path / "shop"
        if kind == "mod_wsgi":
            command = servers.mod_wsgi(request.getfixturevalue("apaches_environment"), *options)
            directory = Path(tempfile.mkdtemp(dir=request.getfixturevalue("readable_directory"))) / "shop"
            directory.parent.chmod(0o755)
        elif kind == "uwsgi":
            command = servers.uwsgi(installed.uwsgi, request.getfixturevalue("environment"), *options)
        else:
            make = {"gunicorn": servers.gunicorn, "waitress": servers.waitress, "eventlet": servers.eventlet}
            command = make[kind](request.getfixturevalue("environment"), *options)
        directory.mkdir()
        return servers.Running(directory, command, service, configuration)

    return serve
