"""Fixtures of the whole suite."""

import pytest
from http_origins import origin
from hypothesis import settings
from opentelemetry import context as context_api
from opentelemetry.context.context import Context
from opentelemetry.sdk.resources import Resource
from recorders import Recorder

from otel_bridge import gate, profiler
from otel_bridge.tracing.provider import TracerProvider
from otel_bridge.wire.signing import KeyRing

# How long an example takes is no property of ours on a machine that is shared.
settings.register_profile("otel_bridge", deadline=None)
settings.load_profile("otel_bridge")


class Sink:
    """A pipeline that keeps what it is given."""

    def __init__(self):
        self.spans = []

    def put(self, span):
        self.spans.append(span)

    def force_flush(self, timeout):
        return True

    def shutdown(self):
        pass

    def after_fork(self):
        pass

    def named(self, name):
        (found,) = [span for span in self.spans if span.name == name]
        return found


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
def provider(sink):
    """Our provider, with the gate as it is in a service: closed unless a signed request opens it."""
    return TracerProvider(sink, Resource({"service.name": "test"}))


@pytest.fixture
def open_provider(sink):
    """Our provider, recording roots that nobody signed."""
    return TracerProvider(sink, Resource({"service.name": "test"}), record_unsigned=True)


@pytest.fixture
def keys():
    return KeyRing.parse("key")


@pytest.fixture
def own_profiler(provider):
    """The profiler API on the test's provider."""
    profiler.use(provider)
    yield profiler
    profiler.use(None)


@pytest.fixture
def recorder():
    """Our provider, recording what belongs to a signed request."""
    return Recorder()


@pytest.fixture(params=["ours", "sdk"])
def any_recorder(request):
    """The same, and then the SDK's."""
    return Recorder(request.param)


@pytest.fixture
def here():
    """An HTTP server on loopback."""
    with origin() as server:
        yield server


@pytest.fixture
def there():
    """Another origin."""
    with origin() as server:
        yield server


@pytest.fixture(autouse=True)
def _nothing_stays():
    """Each test begins and ends with an empty context and the gate as it was."""
    assert context_api.get_current() == Context()
    yield
    left = context_api.get_current()
    context_api.attach(Context())
    gate.reset()
    assert left == Context(), "the test left something attached"
