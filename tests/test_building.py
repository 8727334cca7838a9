"""building.py: the handle of a process, made of its settings."""

import pytest

from otel_bridge import building, profiler_points, propagator
from otel_bridge.model.redaction import is_secret_key
from otel_bridge.settings import CaptureSettings, ExportSettings, GateSettings, Settings
from otel_bridge.tracing import propagation

EVERYTHING = Settings(
    export=ExportSettings(protocol="none"),
    gate=GateSettings(stamps=True),
    capture=CaptureSettings(args=True),
    redact_keys=("customer_id",),
    propagate_to=(),
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
def _clean():
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
