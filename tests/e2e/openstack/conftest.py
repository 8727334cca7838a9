"""One lab for all tests. Each configuration restarts its services, so tests are grouped by it, by modules."""

from __future__ import annotations

import os

import pytest

from e2e import required
from e2e.jaeger import Jaeger

from .backend import Backend, Embedded
from .lab import Lab
from .running import Running
from .settings import Settings


@pytest.fixture(scope="session")
def lab(_sigterm_stops_the_servers):
    """``OTEL_BRIDGE_LAB_KEEP=1`` leaves it running, for a look at it."""
    for program, package in (("mariadbd", "mariadb-server"), ("epmd", "rabbitmq-server")):
        required.program(program, f"apt-get install --no-install-recommends {package}")
    lab = Lab()
    try:
        yield lab
    finally:
        if os.environ.get("OTEL_BRIDGE_LAB_KEEP") != "1":
            lab.down()


@pytest.fixture(scope="session")
def backend(tmp_path_factory):
    backend = Embedded(tmp_path_factory.mktemp("backend"))
    yield backend
    backend.go_down()


#: What the services are told, besides where the backend is.
CONFIGURATIONS = {
    "threads": Settings(otel_bridge={"capture_args": "true", "capture_thread": "true"}),
    "eventlet": Settings(
        concurrency="eventlet", otel_bridge={"capture_args": "true", "capture_thread": "true"}
    ),
    # As three lines of configuration have it, but for what a test would wait for too long.
    "default": Settings(otel_bridge={"timeout": "2"}),
    # Keystone on plain osprofiler, as below.
    "mixed": Settings(connection_strings={"keystone": "lab-file://"}),
    # Plain osprofiler, with a driver that writes down what it is notified of.
    "upstream": Settings(connection_string="lab-file://"),
}


@pytest.fixture(scope="session")
def jaeger_alone(_sigterm_stops_the_servers, tmp_path_factory):
    """A real Jaeger, which has only what the lab sends to it."""
    with Jaeger(tmp_path_factory.mktemp("jaeger")) as jaeger:
        yield Backend(jaeger.endpoint, jaeger.store_url)


@pytest.fixture(scope="session")
def running(request, lab, backend, tmp_path_factory) -> Running:
    """The lab in the configuration that a module asks for::

        pytestmark = pytest.mark.parametrize("running", ["threads"], indirect=True)

    Each restarts the services; pytest runs the tests of all modules that ask for the same one together.
    """
    name = request.param
    if name == "mixed":
        backend = request.getfixturevalue("jaeger_alone")
    return Running(name, lab, backend, tmp_path_factory.mktemp(name) / "record", CONFIGURATIONS[name])
