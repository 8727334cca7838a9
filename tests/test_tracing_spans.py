"""tracing/spans.py: our span is the API's, and the SDK's readers can read it."""

import gc
import io
import json
import weakref
from time import monotonic
from unittest import mock

import pytest
import wrapt
from opentelemetry import trace as api
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import ConsoleSpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)

from otel_bridge.tracing import spans as span_module
from otel_bridge.tracing.provider import TracerProvider
from otel_bridge.tracing.spans import REFUSED_SPANS, TRANSLATION_ERROR, Span
from otel_bridge.tracing.values import Limits, clean_value


class Captured:
    """A point as an instrumentation would capture it."""

    def __init__(self, name="made", **attributes):
        self.name, self.attributes = name, attributes

    def translate(self, name):
        return name or self.name, dict(self.attributes)


@pytest.fixture
def tracer(open_provider):
    return open_provider.get_tracer("tests", "1")


def test_it_is_a_span_of_the_api_and_readable_as_one_of_the_sdk(tracer):
    span = tracer.start_span("x")
    assert isinstance(span, api.Span)
    assert isinstance(span, ReadableSpan)


def test_what_was_recorded_can_be_read(tracer):
    with tracer.start_as_current_span("root") as root:
        span = tracer.start_span(
            "x",
            kind=SpanKind.CLIENT,
            attributes={"a": 1, "l": [1, 2]},
            start_time=5,
            links=[Link(root.context)],
        )
        span.set_attribute("b", "two")
        span.set_attributes({"c": 3.0})
        span.add_event("e", {"k": "v"}, 7)
        span.update_name("y")
        span.set_status(StatusCode.ERROR, "bad")
        span.end(9)
    assert (span.name, span.kind, span.start_time, span.end_time) == ("y", SpanKind.CLIENT, 5, 9)
    assert dict(span.attributes) == {"a": 1, "l": (1, 2), "b": "two", "c": 3.0}
    assert [(e.name, dict(e.attributes), e.timestamp) for e in span.events] == [("e", {"k": "v"}, 7)]
    assert [link.context.span_id for link in span.links] == [root.context.span_id]
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "bad")
    assert span.parent.span_id == root.context.span_id
    assert not span.parent.is_remote
    assert span.context.trace_id == root.context.trace_id
    assert span.resource.attributes["service.name"] == "test"
    assert (span.instrumentation_scope.name, span.instrumentation_scope.version) == ("tests", "1")


def test_nothing_changes_after_the_end(tracer, sink):
    span = tracer.start_span("x")
    span.end(5)
    span.end(6)
    span.set_attribute("a", 1)
    span.add_event("e")
    span.update_name("y")
    span.set_status(StatusCode.ERROR)
    span.record_exception(ValueError())
    span.fail(ValueError())
    span.add_link(SpanContext(1, 2, False))
    assert sink.spans == [span]
    assert (span.name, span.end_time, dict(span.attributes)) == ("x", 5, {})
    assert (list(span.events), list(span.links)) == ([], [])
    assert span.status.status_code is StatusCode.UNSET
    assert not span.is_recording()


def test_an_exception_ends_the_span_as_an_error_and_goes_on(tracer):
    with pytest.raises(ValueError, match="no"), tracer.start_as_current_span("x") as span:
        raise ValueError("no")
    (event,) = span.events
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "ValueError: no"
    assert span.attributes["error.type"] == "ValueError"
    assert event.name == "exception"
    assert event.attributes["exception.type"] == "ValueError"
    assert event.attributes["exception.message"] == "no"
    assert "in test_an_exception_ends" in event.attributes["exception.stacktrace"]


@pytest.mark.parametrize(
    ("record", "mark", "events", "status"),
    [
        (True, True, 1, StatusCode.ERROR),
        (True, False, 1, StatusCode.UNSET),
        (False, True, 0, StatusCode.ERROR),
        (False, False, 0, StatusCode.UNSET),
    ],
)
def test_the_flags_of_the_api_say_what_an_exception_does(tracer, record, mark, events, status):
    with (
        pytest.raises(ValueError),
        tracer.start_as_current_span("x", record_exception=record, set_status_on_exception=mark) as span,
    ):
        raise ValueError
    assert (len(span.events), span.status.status_code) == (events, status)


def test_a_generator_that_is_closed_has_not_failed(tracer):
    with pytest.raises(GeneratorExit), tracer.start_as_current_span("x") as span:
        raise GeneratorExit
    assert span.status.status_code is StatusCode.UNSET


def test_a_failed_span_keeps_no_frame_alive(tracer):
    class Payload:
        pass

    seen = []

    def work():
        payload = Payload()
        seen.append(weakref.ref(payload))
        raise ValueError("x")

    try:
        with tracer.start_as_current_span("x"):
            work()
    except ValueError:
        pass
    gc.collect()
    assert seen[0]() is None


def test_an_exception_that_cannot_be_printed_is_recorded_all_the_same(tracer):
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError

    with pytest.raises(Mute), tracer.start_as_current_span("x") as span:
        raise Mute
    assert span.status.status_code is StatusCode.ERROR


def test_a_message_can_be_withheld(tracer):
    span = tracer.start_span("x")
    span.fail(ValueError("INSERT 'secret'"), message=None)
    span.end()
    assert "secret" not in str([dict(e.attributes) for e in span.events]) + str(span.status.description)


def test_what_is_kept_of_a_failures_text_is_bounded(tracer):
    span = tracer.start_span("x")
    span.fail_as("remote.Error", "x" * 1_000_000)
    span.end()
    assert len(span._more.failure.message) == tracer.limits.attribute_length


def test_ok_is_final(tracer):
    span = tracer.start_span("x")
    span.set_status(Status(StatusCode.OK))
    span.set_status(StatusCode.ERROR)
    span.fail(ValueError())
    assert span.status.status_code is StatusCode.OK


def test_a_point_is_translated_when_it_is_read(tracer):
    with tracer.start_as_current_span("root"):
        span = tracer.leaf(None, SpanKind.CLIENT, Captured("SELECT x", a=1))
        span.end()
    assert (span.name, dict(span.attributes)) == ("SELECT x", {"a": 1})


def test_what_is_set_on_a_span_with_a_point_does_not_stop_the_point(tracer):
    with tracer.start_as_current_span("root"):
        point = Captured(status=None)
        span = tracer.leaf(None, SpanKind.SERVER, point)
        span.set_attribute("mine", 1)
        span.update_name("renamed")
        assert dict(span.attributes) == {"status": None, "mine": 1}
        point.attributes["status"] = 200
        span.end()
    span._render()
    assert (span.name, dict(span.attributes)) == ("renamed", {"status": 200, "mine": 1})


def test_a_point_that_says_error_type_makes_the_span_an_error(tracer):
    with tracer.start_as_current_span("root"):
        span = tracer.leaf(None, SpanKind.SERVER, Captured(**{"error.type": "503"}))
        span.end()
    span._render()
    assert span.status.status_code is StatusCode.ERROR


def test_a_translation_that_fails_does_not_cost_the_span(tracer):
    class Broken:
        def translate(self, name):
            raise KeyError("x")

    with tracer.start_as_current_span("root"):
        span = tracer.leaf(None, SpanKind.INTERNAL, Broken())
        span.end()
    assert span.attributes[TRANSLATION_ERROR] == "KeyError"
    assert span.name == "Broken"


def test_attributes_with_a_secret_name_are_masked(tracer):
    span = tracer.start_span("x", attributes={"password": "p", "path": "/"})
    span.end()
    assert dict(span.attributes) == {"password": "***", "path": "/"}
    assert '"p"' not in span.to_json()


def test_limits_hold_and_what_is_over_is_counted(sink):
    provider = TracerProvider(
        sink,
        limits=Limits(attribute_count=2, attribute_length=3, event_count=1, link_count=1),
        record_unsigned=True,
    )
    link = Link(SpanContext(1, 2, True, TraceFlags(1)))
    span = provider.get_tracer("t").start_span(
        "x", attributes={"a": "long", "b": 1, "c": 2}, links=[link, link]
    )
    span.set_attribute("d", 1)
    span.set_attribute("a", "longer")
    span.add_event("one")
    span.add_event("two")
    span.end()
    assert dict(span.attributes) == {"a": "lon", "b": 1}
    assert (span.dropped_attributes, span.dropped_events, span.dropped_links) == (2, 1, 1)


def test_spans_over_the_limit_of_a_trace_are_refused_and_told_on_the_root(sink):
    provider = TracerProvider(sink, spans_per_trace=3, record_unsigned=True)
    tracer = provider.get_tracer("t")
    with tracer.start_as_current_span("root") as root:
        for _ in range(5):
            with tracer.start_as_current_span("child") as child:
                assert child.get_span_context().trace_id == root.context.trace_id
        with tracer.span("child"):
            pass
        assert tracer.leaf("child") is None
    assert len(sink.spans) == 3
    assert root.attributes[REFUSED_SPANS] == 5 == provider.refused.value()


def test_a_refused_span_does_not_end_its_parent(sink):
    provider = TracerProvider(sink, spans_per_trace=1, record_unsigned=True)
    with provider.get_tracer("t").start_as_current_span("root") as root:
        provider.get_tracer("t").start_span("refused").end()
        assert root.is_recording()


def test_the_stock_exporters_can_export_it(tracer, open_provider, sink):
    with tracer.start_as_current_span("x", attributes={"k": "v"}):
        tracer.leaf(None, SpanKind.CLIENT, Captured("point", b=b"\x00")).end()
    out, memory = io.StringIO(), InMemorySpanExporter()
    ConsoleSpanExporter(out=out).export(sink.spans[1:])
    memory.export(sink.spans)
    shown = json.loads(out.getvalue())
    assert (shown["name"], shown["attributes"], shown["parent_id"]) == ("x", {"k": "v"}, None)
    assert [span.name for span in memory.get_finished_spans()] == ["point", "x"]
    (resource,) = encode_spans(sink.spans).resource_spans
    assert len(resource.scope_spans[0].spans) == 2


def test_its_repr_shows_no_attribute(tracer):
    assert "secret" not in repr(tracer.start_span("x", attributes={"a": "secret"}))


def test_it_is_small(tracer):
    assert not hasattr(tracer.start_span("x"), "__dict__") or not tracer.start_span("x").__dict__


def test_a_fixed_resource_is_taken(sink):
    provider = TracerProvider(sink, Resource({"service.name": "mine"}))
    assert provider.resource.attributes == {"service.name": "mine"}


def test_spans_are_made_by_tracers_only():
    assert Span.__init__ is not object.__init__


def test_a_span_ended_while_it_is_being_ended_is_exported_once(tracer, sink, monkeypatch):
    """Another thread, a signal handler or a finalizer may come between reading the clock and the end."""
    span = tracer.start_span("x")

    def clock():
        monkeypatch.undo()
        span.end()
        return 5

    monkeypatch.setattr(span_module, "time_ns", clock)
    span.end()
    assert sink.spans == [span]


@pytest.mark.parametrize("key", [None, 1, "", [], ("a",)])
def test_a_key_that_is_no_text_is_dropped_and_counted(tracer, key):
    """Attribute keys are non-empty strings; anything else costs neither the request nor the other spans."""
    span = tracer.start_span("x", attributes=None if isinstance(key, list) else {key: 1, "kept": 2})
    span.set_attribute("kept", 2)
    span.set_attribute(key, 1)
    assert dict(span.attributes) == {"kept": 2}
    assert span.dropped_attributes == 1
    assert span.to_json()


class Hostile(dict):
    def _raise(self, *args):
        raise RuntimeError("hostile")

    items = keys = __iter__ = __len__ = __bool__ = _raise


class HostileClass:
    @property
    def __class__(self):
        raise RuntimeError("hostile")


def test_attributes_that_cannot_be_read_do_not_reach_the_host(tracer):
    """Mappings and values that raise while they are looked at are dropped."""
    hostile = Hostile()
    dict.__setitem__(hostile, "a", 1)
    span = tracer.start_span("x", attributes=hostile)
    span.set_attributes(hostile)
    span.set_attributes(None)
    span.set_attribute("b", HostileClass())
    span.add_event("e", hostile)
    span.add_event("e", {"b": HostileClass()})
    span.record_exception(ValueError("v"), hostile)
    tracer.start_span("y", attributes={"b": HostileClass()})
    assert dict(span.attributes) == {}


@pytest.mark.parametrize("fake", [wrapt.ObjectProxy("text"), mock.MagicMock(spec=str)], ids=["proxy", "mock"])
def test_an_object_that_claims_to_be_a_string_is_not_kept(tracer, fake):
    """A proxy pins what it stands for, and would be asked on the export thread."""
    span = tracer.start_span("x", attributes={"a": fake})
    span.set_attribute("b", fake)
    assert {type(value) for value in span.attributes.values()} <= {str}
    assert span.to_json()


def test_numbers_of_a_derived_class_are_kept_as_plain_numbers():
    """An instance of a class of the service's pins memory, and has methods that may do anything."""

    class Count(int):
        def __index__(self):
            raise RuntimeError("hostile")

    class Share(float):
        pass

    kept = clean_value((Count(3), Share(0.5)), Limits())
    assert kept == (3, 0.5)
    assert [type(value) for value in kept] == [int, float]


def test_a_list_that_contains_itself_often_is_bounded():
    """Depth and length alone allow for 1024 ** 8 values."""
    value = []
    value.extend([value] * 30)
    began = monotonic()
    clean_value(value, Limits())
    assert monotonic() - began < 2


@pytest.mark.parametrize("status", [None, "ERROR", 2])
def test_a_status_that_is_none_is_ignored(tracer, status):
    """As the SDK does; a span with a status of another type would fail in each exporter."""
    span = tracer.start_span("x")
    span.set_status(status)
    assert span.status.status_code is StatusCode.UNSET
    assert span.to_json()


def test_links_are_kept_as_the_specification_says(tracer):
    """Without valid ids only where attributes or trace state say something; never an exception."""
    valid = SpanContext(1, 2, False)
    span = tracer.start_span(
        "x",
        links=[None, valid, Link(INVALID_SPAN_CONTEXT), Link(valid), Link(INVALID_SPAN_CONTEXT, {"a": 1})],
    )
    span.add_link(None)
    span.add_link("x")
    span.add_link(INVALID_SPAN_CONTEXT)
    span.add_link(INVALID_SPAN_CONTEXT, {"b": 2})
    assert [(link.context, dict(link.attributes)) for link in span.links] == [
        (valid, {}),
        (INVALID_SPAN_CONTEXT, {"a": 1}),
        (INVALID_SPAN_CONTEXT, {"b": 2}),
    ]
    tracer.start_span("y", links=5)


@pytest.mark.parametrize("exception", [None, "text", ValueError])
def test_to_record_what_is_no_exception_does_not_raise(tracer, exception):
    """start_response gets (None, None, None) and callers make mistakes: not worth a request."""
    span = tracer.start_span("x")
    span.record_exception(exception)
    span.fail(exception)
    assert span.to_json()


def test_an_exception_class_without_a_module_is_recorded(tracer):
    """Classes made by exec may have no __module__."""
    made = eval("kind('E', (Exception,), {})", {"__builtins__": {}, "kind": type, "Exception": Exception})
    span = tracer.start_span("x")
    span.fail(made("m"))
    assert span.status.status_code is StatusCode.ERROR


def test_secret_attributes_of_events_and_links_are_masked_for_stock_exporters(tracer):
    """Stock exporters read the public properties; they must not see what the span's own attributes hide."""
    span = tracer.start_span("x", links=[Link(SpanContext(1, 2, False), {"password": "hunter2"})])
    span.add_event("e", {"password": "hunter2"})
    span.record_exception(ValueError("v"), {"auth_token": "hunter2"})
    span.set_attribute("request", {"password": "hunter2", "deep": [{"password": "hunter2"}]})
    assert "hunter2" not in span.to_json()
