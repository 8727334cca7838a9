"""Two instrumentations of one library."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.instrumentation.requests import RequestsInstrumentor

from otel_bridge.instrumentation import conflicts

MODULE, CLASS = "opentelemetry.instrumentation.requests", "RequestsInstrumentor"


def test_contrib_at_work_is_seen() -> None:
    RequestsInstrumentor().instrument()
    try:
        assert conflicts.instrumented_by(MODULE, CLASS)
    finally:
        RequestsInstrumentor().uninstrument()
    assert not conflicts.instrumented_by(MODULE, CLASS)


def test_a_module_that_is_not_imported_stays_so() -> None:
    assert not conflicts.instrumented_by("opentelemetry.instrumentation.none_such", CLASS)
    assert "opentelemetry.instrumentation.none_such" not in sys.modules


@pytest.mark.parametrize("cls", [object, lambda: 1 / 0, None])
def test_what_is_no_instrumentor_is_not_at_work(cls: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "odd", SimpleNamespace(Instrumentor=cls))
    assert not conflicts.instrumented_by("odd", "Instrumentor")


def test_it_is_told_once_a_library(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conflicts, "_told", set())
    for library in ("requests", "requests", "httpx"):
        conflicts.stand_back(library, "contrib")
    assert [record.args for record in caplog.records] == [("requests", "contrib"), ("httpx", "contrib")]
