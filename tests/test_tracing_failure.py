"""tracing.failure: what a span keeps of an exception."""

import sys

import pytest

from otel_bridge.tracing.failure import frames, raised


class Carrier(Exception):
    def __init__(self, exc_info):
        self.exc_info = exc_info


class Hostile(Exception):
    @property
    def exc_info(self):
        raise RuntimeError("hostile")


class Guarded(Exception):
    def __getattribute__(self, name):
        raise RuntimeError("guarded")


def test_an_exception_that_shows_nothing_of_itself_has_no_frames():
    assert frames(Guarded()) == ()


def caught():
    try:
        raise ValueError("real")
    except ValueError:
        return sys.exc_info()


def test_an_exception_that_carries_another_one_stands_for_it():
    found = caught()
    assert raised(Carrier(found)) is found[1]


@pytest.mark.parametrize(
    "exc",
    [
        ValueError("x"),
        Hostile(),
        *map(Carrier, [None, (), (None, None, None), (1, 2, 3), ("x",), True, [1, 2, 3]]),
    ],
)
def test_any_other_exception_stands_for_itself(exc):
    assert raised(exc) is exc


@pytest.mark.parametrize("ours", [True, False])
def test_spans_fail_with_what_is_carried(open_provider, sink, ours):
    if ours:
        with pytest.raises(Carrier), open_provider.get_tracer("t").start_as_current_span("s"):
            raise Carrier(caught())
        (span,) = sink.spans
    else:
        from opentelemetry.sdk.trace import TracerProvider

        from otel_bridge.tracing.entries import ApiRecording

        span = TracerProvider(shutdown_on_exit=False).get_tracer("t").start_span("s")
        recording = ApiRecording(span, None, {})
        recording.fail(Carrier(caught()))
        recording.end()
    assert span.status.description == "ValueError: real"
    assert span.attributes["error.type"] == "ValueError"
    assert span.events[0].attributes["exception.type"] == "ValueError"
