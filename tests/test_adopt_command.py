"""The span of a client's command, without a shell around it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from otel_bridge import gate, web
from otel_bridge.adopt import command
from otel_bridge.tracing import context as ctx
from otel_bridge.wire.signing import KeyRing

pytest.importorskip("osprofiler.profiler")

MANAGER = SimpleNamespace(
    commands=dict.fromkeys(["server create", "server show", "server list", "show", "server create image"])
)
KEY = "a key"


@pytest.fixture
def traced(provider, monkeypatch):
    """Commands make spans on the test's provider."""
    monkeypatch.setattr(command, "_tracer", provider.get_tracer("test"))
    monkeypatch.setattr(command, "_asked", True)


@pytest.fixture
def begin(traced, own_profiler):
    """Begins a command as the shell does."""
    return lambda: command.Command.begin(lambda: own_profiler.init(KEY) and None)


def run(begin: Any, result: Any = 0, exc: BaseException | None = None, error: Any = None) -> None:
    found = begin()
    found.note(MANAGER, SimpleNamespace(cmd_name="server create"), error)
    found.end(result, exc)


def test_the_command_is_a_root_and_what_it_sends_hangs_below(begin, sink):
    found = begin()
    headers = web.get_trace_id_headers()
    found.note(MANAGER, SimpleNamespace(cmd_name="server create"), None)
    found.end(0)
    (root,) = sink.spans
    assert (root.name, root.kind, root.parent) == ("openstack server create", SpanKind.CLIENT, None)
    info = KeyRing.parse(KEY).verify(headers["X-Trace-Info"], headers["X-Trace-HMAC"])
    assert info is not None
    context = root.get_span_context()
    assert (info.trace_id, info.parent_span_id) == (context.trace_id, context.span_id)


def test_after_the_command_the_context_is_what_it_was(begin):
    """An empty one, or that of the session."""
    before = ctx.get()
    run(begin)
    assert ctx.get() is before


def test_without_a_trace_there_is_no_span(traced, sink):
    """A shell whose profile did not come about runs its command as ever."""
    assert command.Command.begin(lambda: None) is None


@pytest.mark.parametrize(
    ("result", "exc", "error", "code", "kind"),
    [
        (0, None, None, 0, None),
        (None, None, None, 0, None),
        ("text", None, None, 0, None),
        (2, None, None, 2, "2"),
        (1, None, ValueError("s3cr3t"), 1, "ValueError"),
        (None, SystemExit(0), None, 0, None),
        (None, SystemExit(), None, 0, None),
        (None, SystemExit(2), None, 2, "2"),
        (None, SystemExit("s3cr3t"), None, 1, "1"),
        (None, KeyboardInterrupt(), None, 130, "KeyboardInterrupt"),
        (None, BrokenPipeError("s3cr3t"), None, 141, "BrokenPipeError"),
        (None, RuntimeError("s3cr3t"), None, 1, "RuntimeError"),
    ],
)
def test_exit_code_and_error(begin, sink, result, exc, error, code, kind):
    """The code is the shell's, the class is that of the exception, and no message is kept."""
    run(begin, result, exc, error)
    (root,) = sink.spans
    assert root.attributes["process.exit.code"] == code
    assert root.attributes.get("error.type") == kind
    assert (root.status.status_code is StatusCode.ERROR) is (code != 0)
    assert "s3cr3t" not in root.to_json()


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("server create", "openstack server create"),
        ("serv cr", "openstack server create"),
        ("s s", "openstack server show"),
        ("sh", "openstack show"),
        ("server", "openstack server"),
        (None, "openstack"),
    ],
)
def test_the_name_is_that_of_the_command_that_was_meant(begin, sink, typed, name):
    """Not what was typed for it; what the manager does not know, an alias, stays as it is."""
    found = begin()
    found.note(MANAGER, SimpleNamespace(cmd_name=typed), None)
    found.end(0)
    assert [span.name for span in sink.spans] == [name]


@pytest.mark.parametrize("manager", [None, SimpleNamespace(commands=5)])
def test_a_manager_of_another_kind_costs_the_name(begin, sink, manager):
    found = begin()
    found.note(manager, SimpleNamespace(cmd_name="server create"), None)
    found.end(0)
    assert [span.name for span in sink.spans] == ["openstack"]


def test_what_is_no_command_leaves_no_span(begin, sink):
    """The shell never made a command object of it."""
    begin().end(2)
    assert sink.spans == []


def test_ready_only_for_a_key_that_signs(traced):
    """In a process that has keys of its own, another one opens nothing."""
    assert command.ready(KEY)
    assert not command.ready("")
    gate.enable(KeyRing.parse("other"))
    assert not command.ready(KEY)
