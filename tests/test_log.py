"""log.py: few lines, and never an exception."""

import logging

from otel_bridge import log


def test_the_same_line_is_logged_once_an_interval(caplog, monkeypatch):
    monkeypatch.setattr(log, "_last", {})
    with caplog.at_level(logging.WARNING, "otel_bridge"):
        for _ in range(5):
            log.warn("a")
        log.warn("b")
    assert [record.getMessage() for record in caplog.records] == ["a", "b"]


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(log, "_last", {})
    for number in range(3000):
        log.warn(str(number))
    assert len(log._last) <= 256


def test_a_broken_handler_is_not_the_callers_problem(monkeypatch):
    monkeypatch.setattr(log, "_last", {})

    def broken(*args):
        raise OSError

    monkeypatch.setattr(log.LOG, "warning", broken)
    log.warn("x")
