"""instrumentation/entry_points.py: our instrumentors as opentelemetry-instrument finds them."""

from __future__ import annotations

import logging
from importlib.metadata import entry_points

import pytest

import otel_bridge
from otel_bridge import runtime
from otel_bridge.instrumentation import entry_points as ours
from otel_bridge.instrumentation import loading

DISABLED = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"


@pytest.fixture
def armed(monkeypatch):
    """What was armed instead of a library being waited for."""
    found: dict[str, object] = {}
    monkeypatch.setattr(loading, "arm", lambda name, arguments: found.update({name: arguments}))
    monkeypatch.delenv(DISABLED, raising=False)
    monkeypatch.delenv("OTEL_PYTHON_LOG_CORRELATION", raising=False)
    yield found
    for cls in CLASSES:
        cls()._is_instrumented_by_opentelemetry = False


CLASSES = [
    ours.MessagingInstrumentor,
    ours.SQLAlchemyInstrumentor,
    ours.RequestsInstrumentor,
    ours.HTTPXInstrumentor,
    ours.ThreadsInstrumentor,
    ours.LogsInstrumentor,
]


def test_every_instrumentation_has_its_entry_point():
    found = {
        point.name: point.load().library
        for point in entry_points(group="opentelemetry_instrumentor")
        if point.name.startswith("otel_bridge_")
    }
    assert found == {f"otel_bridge_{name}": name for name in loading.INSTRUMENTORS}


class Point:
    """An entry point of an instrumentation, of a distribution that needs such a release of pytest."""

    def __init__(self, name: str, needs: str = "pytest>=1") -> None:
        self.name = name
        self.dist = self
        self.requires = [f'{needs}; extra == "instruments"']


@pytest.fixture
def installed(monkeypatch):
    """The entry points of instrumentations that there are."""
    found: list[Point] = []
    monkeypatch.setattr(ours, "entry_points", lambda group: found)
    return found


@pytest.mark.parametrize(
    ("cls", "other"),
    [
        (ours.SQLAlchemyInstrumentor, "sqlalchemy"),
        (ours.RequestsInstrumentor, "requests"),
        (ours.RequestsInstrumentor, "urllib3"),
        (ours.HTTPXInstrumentor, "httpx"),
        (ours.ThreadsInstrumentor, "threading"),
    ],
)
def test_opentelemetrys_own_wins_and_one_line_says_how_to_have_ours(cls, other, installed, armed, caplog):
    installed.append(Point(other))
    with caplog.at_level(logging.INFO, "otel_bridge"):
        cls().instrument()
    assert armed == {}
    [record] = caplog.records
    assert record.levelno == logging.INFO
    assert f"{DISABLED}={other}" in record.getMessage()


@pytest.mark.parametrize(
    ("library", "instrumentor"), [("requests", ours.RequestsInstrumentor), ("httpx", ours.HTTPXInstrumentor)]
)
def test_below_our_distro_the_headers_of_opentelemetrys_clients_are_looked_after(
    library, instrumentor, installed, armed, monkeypatch
):
    """A redirect to another origin would take them along."""
    monkeypatch.setenv("OTEL_BRIDGE_HMAC_KEYS", "key")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    installed.append(Point(library))
    assert runtime.for_distro() is not None
    try:
        instrumentor().instrument()
        assert armed[library]()["spans"] is False
    finally:
        otel_bridge.shutdown()


@pytest.mark.parametrize(
    ("point", "disabled"),
    [
        (Point("flask"), ""),
        (Point("sqlalchemy"), "flask, sqlalchemy"),
        (Point("sqlalchemy"), "*"),
        (Point("sqlalchemy", "pytest<1"), ""),
        (Point("sqlalchemy", "no-such-distribution"), ""),
    ],
    ids=["another library", "disabled", "all disabled", "for another release", "library not installed"],
)
def test_ours_is_used_where_theirs_would_not_be(point, disabled, installed, armed, monkeypatch):
    installed.append(point)
    monkeypatch.setenv(DISABLED, disabled)
    ours.SQLAlchemyInstrumentor().instrument()
    assert list(armed) == ["sqlalchemy"]


@pytest.mark.parametrize(("correlation", "expected"), [(None, ["logs"]), ("true", []), ("false", ["logs"])])
def test_the_ids_on_log_records_are_ours_unless_theirs_are_asked_for(
    correlation, expected, installed, armed, monkeypatch
):
    """What is installed of theirs puts none there by itself."""
    installed.append(Point("logging"))
    if correlation is not None:
        monkeypatch.setenv("OTEL_PYTHON_LOG_CORRELATION", correlation)
    ours.LogsInstrumentor().instrument()
    assert list(armed) == expected


def test_below_our_distro_it_works_on_our_provider(installed, armed, monkeypatch):
    monkeypatch.setenv("OTEL_BRIDGE_HMAC_KEYS", "key")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    ours.MessagingInstrumentor().instrument(skip_dep_check=True, conf="conf")
    handle = runtime.for_distro()
    assert handle is not None
    try:
        found = armed["messaging"]()
        assert found["tracer_provider"] is handle.tracer_provider
        assert found["settings"] is handle.settings
        assert found["keys"] is handle.settings.gate.keys
        assert found["conf"] == "conf"
    finally:
        otel_bridge.shutdown()


def test_with_another_distro_the_keys_are_those_of_the_environment(installed, armed, monkeypatch):
    monkeypatch.setenv("OTEL_BRIDGE_HMAC_KEYS", "key")
    ours.MessagingInstrumentor().instrument()
    found = armed["messaging"]()
    assert "tracer_provider" not in found
    assert found["keys"].find("key") is not None


class Armed:
    undone = 0

    def undo(self) -> None:
        self.undone += 1


def test_uninstrument_undoes_what_was_armed_here_and_not_what_setup_has_put_in_its_place(
    installed, armed, monkeypatch
):
    here, by_setup = Armed(), Armed()
    monkeypatch.setattr(loading, "arm", lambda name, arguments: here)
    ours.MessagingInstrumentor().instrument()
    monkeypatch.setattr(loading, "_armed", {"messaging": by_setup})
    ours.MessagingInstrumentor().uninstrument()
    assert (here.undone, by_setup.undone) == (1, 0)
