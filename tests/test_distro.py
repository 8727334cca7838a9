"""distro.py: what it decides. What it does: integration/test_opentelemetry_instrument.py."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest
from opentelemetry.instrumentation.distro import BaseDistro

from otel_bridge import distro, runtime


@pytest.mark.parametrize(
    ("group", "name", "value"),
    [
        ("opentelemetry_distro", "otel_bridge", "otel_bridge.distro:distro"),
        ("opentelemetry_configurator", "otel_bridge", "otel_bridge.distro:OTelBridgeConfigurator"),
        ("opentelemetry_tracer_provider", "otel_bridge", "otel_bridge.distro:tracer_provider"),
        ("opentelemetry_propagator", "osprofiler", "otel_bridge.propagator:GatedPropagator"),
        ("opentelemetry_traces_sampler", "osprofiler_hmac", "otel_bridge.tracing.sampling:make_sampler"),
    ],
)
def test_opentelemetry_finds_us_by_name(group, name, value):
    [point] = entry_points(group=group, name=name)
    assert point.value == value
    assert callable(point.load())


DEFAULTS = {
    "OTEL_PYTHON_CONFIGURATOR": "otel_bridge",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION": "false",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database",
}


def test_other_signals_are_off_where_the_user_has_said_nothing():
    environ: dict[str, str] = {}
    distro.set_defaults(environ)
    assert environ == DEFAULTS


@pytest.mark.parametrize("name", DEFAULTS)
def test_what_the_user_has_said_holds(name):
    environ = {name: "something"}
    distro.set_defaults(environ)
    assert environ[name] == "something"


def test_who_wants_logs_gets_the_handler_that_makes_them():
    environ = {"OTEL_LOGS_EXPORTER": "otlp"}
    distro.set_defaults(environ)
    assert "OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION" not in environ


@pytest.mark.parametrize(
    ("named", "chosen"), [(None, False), ("", False), ("distro", False), ("otel_bridge", True)]
)
def test_the_distro_is_there_only_for_who_names_it(named, chosen, monkeypatch):
    """opentelemetry-instrument takes the first that it finds, and passes over what is no distro."""
    if named is None:
        monkeypatch.delenv("OTEL_PYTHON_DISTRO", raising=False)
    else:
        monkeypatch.setenv("OTEL_PYTHON_DISTRO", named)
    assert isinstance(distro.distro(), BaseDistro) is chosen


class Point:
    """An entry point: of a configurator or an instrumentor that notes what is done with it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.called: list[tuple[str, object]] = []

    def load(self):
        return lambda: self

    def configure(self, **options: object) -> None:
        self.called.append(("configure", options))

    def instrument(self, **options: object) -> None:
        self.called.append(("instrument", options))


@pytest.fixture
def configurators(monkeypatch):
    found = [Point("otel_bridge"), Point("first"), Point("second")]
    monkeypatch.setattr(distro, "entry_points", lambda group: found)
    for name in ("OTEL_PYTHON_DISTRO", "OTEL_PYTHON_CONFIGURATOR"):
        monkeypatch.delenv(name, raising=False)
    return found


@pytest.fixture
def configured(monkeypatch):
    found: list[str] = []
    monkeypatch.setattr(distro, "configure", lambda: found.append("ours"))
    return found


def test_a_configurator_that_nobody_chose_lets_the_next_one_do_it(configurators, configured):
    distro.OTelBridgeConfigurator().configure(auto_instrumentation_version="1")
    assert configured == []
    assert [point.called for point in configurators] == [
        [],
        [("configure", {"auto_instrumentation_version": "1"})],
        [],
    ]


@pytest.mark.parametrize("name", ["OTEL_PYTHON_DISTRO", "OTEL_PYTHON_CONFIGURATOR"])
def test_either_variable_chooses_the_configurator(name, configurators, configured, monkeypatch):
    monkeypatch.setenv(name, "otel_bridge")
    distro.OTelBridgeConfigurator().configure()
    assert configured == ["ours"]
    assert not any(point.called for point in configurators)


def test_no_instrumentation_is_loaded_where_nothing_can_be_traced(monkeypatch):
    point = Point("flask")
    assert runtime.current() is None
    distro.OTelBridgeDistro().load_instrumentor(point, skip_dep_check=True)
    assert point.called == []
    monkeypatch.setattr(runtime, "current", lambda: object())
    distro.OTelBridgeDistro().load_instrumentor(point, skip_dep_check=True)
    assert point.called == [("instrument", {"skip_dep_check": True})]


def test_a_service_may_still_be_set_up_where_the_environment_has_no_key(monkeypatch):
    """Its own configuration may have one."""
    for name in ("OTEL_BRIDGE_HMAC_KEYS", "OTEL_BRIDGE_HMAC_KEYS_FILE"):
        monkeypatch.delenv(name, raising=False)
    distro.configure()
    assert runtime.current() is None
    monkeypatch.setenv("OTEL_BRIDGE_HMAC_KEYS", "key")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    try:
        assert runtime.setup().settings.gate.enabled
    finally:
        runtime.shutdown()


@pytest.mark.parametrize("key", [None, "key"])
def test_the_provider_can_be_had_by_name_alone(key, monkeypatch):
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.delenv("OTEL_BRIDGE_HMAC_KEYS_FILE", raising=False)
    if key is None:
        monkeypatch.delenv("OTEL_BRIDGE_HMAC_KEYS", raising=False)
    else:
        monkeypatch.setenv("OTEL_BRIDGE_HMAC_KEYS", key)
    try:
        provider = distro.tracer_provider()
        assert provider is runtime.get_tracer_provider()
        assert not provider.get_tracer("t").start_span("s").is_recording()
    finally:
        runtime.shutdown()
