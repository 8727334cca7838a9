"""Thousands of spans, searched for everything that is secret in this OpenStack."""

from __future__ import annotations

import uuid

import pytest

from otel_bridge.model.trace import Trace

from . import leaks

pytestmark = [
    pytest.mark.e2e,
    # With arguments captured, and without.
    pytest.mark.parametrize("running", ["threads", "default"], indirect=True),
]

SPANS = 5_000


@pytest.fixture(scope="session")
def told(running) -> dict[str, str]:
    """Requests with secrets in them, until there are enough spans; the secrets, and what they are."""
    answered: set[str] = set()
    while running.backend.size() < SPANS:
        # What the lab has made before it still has.
        answered |= leaks.provoke(running.cloud, f"secretive-{uuid.uuid4().hex[:8]}")
    running.settle()
    known = leaks.known(running.cloud, running.lab.places.etc, running.records.tokens())
    return dict.fromkeys(answered, "secret that was answered") | known


@pytest.fixture(scope="session")
def traces(running, told) -> dict[int, Trace]:
    return running.backend.traces()


def test_no_span_has_a_secret_in_it(traces, told):
    assert sum(len(trace.spans) for trace in traces.values()) >= SPANS
    kinds = set(told.values())
    assert {"token", "HMAC key", "fernet-keys", "hash of a password", *leaks.MARKERS} <= kinds
    assert leaks.search(traces.values(), told) == []


def test_no_file_of_the_backend_has_a_secret_in_it(running, told, traces):
    """Nor what has been received and is not shown."""
    files = running.backend.path.parent.glob(f"{running.backend.path.name}*")
    stored = b"".join(path.read_bytes() for path in files)
    assert len(stored) > 100 * SPANS
    assert sorted({what for secret, what in told.items() if secret.encode() in stored}) == []


def test_no_log_line_of_ours_has_a_secret_in_it(running, told, traces):
    """What the services log themselves is not ours to judge."""
    lines = [
        line
        for path in running.lab.places.log.glob("*.log")
        for line in path.read_text(errors="replace").splitlines()
        if " otel_bridge " in line
    ]
    assert any("osprofiler works on otel_bridge" in line for line in lines)
    assert [what for secret, what in told.items() if any(secret in line for line in lines)] == []


def test_arguments_are_captured_only_when_asked_for(running, traces):
    has_arguments = any(
        name in ("osprofiler.function.args", "osprofiler.function.kwargs", "osprofiler.function.result")
        for trace in traces.values()
        for span in trace.spans
        for name in span.attributes
    )
    assert has_arguments == (running.settings.otel_bridge.get("capture_args") == "true")
