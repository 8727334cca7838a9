"""building.py: the handle of a process, made of its settings."""

from dataclasses import replace

import pytest
from adopting import receiving
from opentelemetry.trace import Link
from recorders import PATIENCE, Recorder

from otel_bridge import building, profiler_points, propagator
from otel_bridge.model.redaction import is_secret_key
from otel_bridge.settings import (
    CaptureSettings,
    ExportSettings,
    GateSettings,
    LimitSettings,
    QueueSettings,
    Settings,
)
from otel_bridge.tracing import propagation

EVERYTHING = Settings(
    export=ExportSettings(protocol="none"),
    gate=GateSettings(stamps=True),
    capture=CaptureSettings(args=True),
    redact_keys=("customer_id",),
    propagate_to=(),
)
#: No value is another one's, or a default.
UNUSUAL = Settings(
    export=ExportSettings(protocol="none"),
    queue=QueueSettings(max_queue_size=77, max_export_batch_size=11, schedule_delay=61.0, exit_timeout=7.0),
    limits=LimitSettings(
        max_spans_per_trace=2, attribute_count=3, attribute_length=4, event_count=5, link_count=6
    ),
    resource={"service.name": "unusual"},
    capture=CaptureSettings(thread=True),
)


def nobody(handle):
    """Shuts nothing down."""


def told():
    """What other modules go by: arguments, a name that is secret, the time of what is signed, hosts."""
    return (
        profiler_points.capture_args,
        is_secret_key("customer_id"),
        propagation._stamps,
        propagator._allow is not None,
    )


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    monkeypatch.setattr(building, "_provider", None)
    yield
    building.reset()


def test_other_modules_are_told_and_it_is_taken_back():
    building.build(EVERYTHING, nobody)
    assert told() == (True, True, True, True)
    building.reset()
    assert told() == (False, False, False, False)


def test_the_provider_outlives_its_handle():
    first = building.build(EVERYTHING, nobody)
    assert building.build(Settings(export=ExportSettings(protocol="none")), nobody).tracer_provider is (
        first.tracer_provider
    )


@pytest.mark.parametrize("before", [None, EVERYTHING], ids=["first handle", "later handle"])
def test_pipeline_and_provider_are_as_configured(before):
    if before is not None:
        building.build(before, nobody)
    handle = building.build(UNUSUAL, nobody)
    pipeline, provider, limits = handle._pipeline, handle.tracer_provider, handle.tracer_provider.limits
    assert provider.pipeline is pipeline
    assert provider.notices is pipeline.notices
    assert (pipeline.capacity, pipeline.batch) == (77, 11)
    assert (pipeline.interval, pipeline.exit_timeout) == (61.0, 7.0)
    assert (limits.attribute_count, limits.attribute_length) == (3, 4)
    assert (limits.event_count, limits.link_count) == (5, 6)
    assert provider.spans_per_trace == 2
    assert provider.capture_thread
    assert provider.resource.attributes["service.name"] == "unusual"


def test_what_limits_leave_of_a_trace_arrives_and_the_rest_is_counted():
    """By a tracer, too, that was handed out before."""
    recorder = Recorder()
    tracer = building.build(EVERYTHING, nobody).tracer_provider.get_tracer("test")
    with receiving() as server:
        export = ExportSettings(endpoint=f"http://{server.netloc}/v1/traces")
        handle = building.build(replace(UNUSUAL, export=export, capture=CaptureSettings()), nobody)
        recorder.provider = handle.tracer_provider
        with recorder.request() as serving:
            links = [Link(serving.get_span_context())] * 8
            for _ in range(4):
                with tracer.start_as_current_span("child", links=links) as child:
                    child.set_attributes({f"name {number}": "too long" for number in range(8)})
                    for _ in range(8):
                        child.add_event("event")
        assert handle.tracer_provider.force_flush(PATIENCE * 1000)
        handle._pipeline.shutdown()
        stats = handle.stats()
        assert (stats.made, stats.exported, stats.dropped) == (5, 2, {"trace_limit": 3})
        (child,) = [span for span in server.spans if span.name == "child"]
    assert [item.value.string_value for item in child.attributes] == ["too "] * 3
    assert (len(child.events), len(child.links)) == (5, 6)


def test_an_untraced_handle_goes_by_nothing_that_was_configured():
    building.build(EVERYTHING, nobody)
    handle = building.build_untraced(nobody)
    assert told() == (False, False, False, False)
    assert not handle.settings.gate.enabled
    assert handle.settings.export.protocol == "none"


@pytest.mark.parametrize(
    ("error", "shown"), [(ValueError("why"), "why"), (RuntimeError("s3cr3t"), "RuntimeError")]
)
def test_without_its_exporter_a_handle_is_unusable(monkeypatch, caplog, error, shown):
    def broken(settings):
        raise error

    monkeypatch.setattr(building, "make_exporter", broken)
    assert building.build(EVERYTHING, nobody).unusable
    (message,) = caplog.messages
    assert shown in message
    assert "s3cr3t" not in message
