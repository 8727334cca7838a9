"""Real servers for the end-to-end tests: started once, on loopback and free ports, and always stopped."""

from __future__ import annotations

import signal

import pytest
from environments import build

from e2e import servers
from e2e.jaeger import Jaeger
from e2e.rabbitmq import RabbitMQ
from e2e.runs import Start
from otel_bridge.stores import open_store


@pytest.fixture(scope="session", autouse=True)
def _sigterm_stops_the_servers():
    """A run that is called off by SIGTERM ends as with Ctrl-C, so that nothing is left running."""

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def rabbitmq(_sigterm_stops_the_servers):
    with RabbitMQ() as server:
        yield server


@pytest.fixture(scope="session")
def jaeger(_sigterm_stops_the_servers, tmp_path_factory):
    with Jaeger(tmp_path_factory.mktemp("jaeger")) as server:
        yield server


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Of this package, as it is now."""
    return build(tmp_path_factory.mktemp("dist"))[0]


@pytest.fixture
def backend(tmp_path):
    """The embedded one, new for each test."""
    with servers.Backend(tmp_path / "traces.sqlite") as backend:
        yield backend


@pytest.fixture
def store(jaeger):
    return open_store(jaeger.store_url)


@pytest.fixture(scope="session")
def start(rabbitmq, tmp_path_factory):
    return Start(rabbitmq, tmp_path_factory.mktemp)
