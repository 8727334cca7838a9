"""tracing/context.py: the current context."""

import contextvars
import os
import subprocess
import sys

from opentelemetry import context as context_api
from opentelemetry import trace as api
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, SpanContext, TraceFlags

from otel_bridge.tracing import context as ctx
from otel_bridge.wire.signing import Key, TraceInfo

SPAN = NonRecordingSpan(SpanContext(1, 2, True, TraceFlags(1)))
INFO = TraceInfo(1, 2, Key("k"))


def test_what_is_attached_is_current_until_it_is_detached():
    token = ctx.attach(SPAN, INFO)
    assert (api.get_current_span(), ctx.trace_info()) == (SPAN, INFO)
    ctx.detach(token)
    assert (api.get_current_span(), ctx.trace_info()) == (INVALID_SPAN, None)


def test_a_context_is_not_changed_but_copied():
    before = context_api.get_current()
    ctx.with_request(before, SPAN, INFO)
    ctx.with_span(before, SPAN)
    assert before == {}


def test_to_detach_in_another_context_does_nothing():
    token = contextvars.copy_context().run(ctx.attach, SPAN, INFO)
    ctx.detach(token)
    assert ctx.trace_info() is None


def test_another_runtime_context_is_used_through_its_interface(tmp_path):
    (tmp_path / "other.py").write_text(
        "from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext\n"
        "class Other(ContextVarsRuntimeContext): pass\n"
    )
    info = tmp_path / "other-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[opentelemetry_context]\nother = other:Other\n")
    program = (
        "from opentelemetry import context, trace\n"
        "from otel_bridge.tracing import context as ctx\n"
        "assert type(context._RUNTIME_CONTEXT).__name__ == 'Other'\n"
        "token = ctx.set_(ctx.with_span(ctx.get(), trace.INVALID_SPAN))\n"
        "assert ctx.SPAN_KEY in context.get_current()\n"
        "ctx.reset(token)\n"
        "assert context.get_current() == {}\n"
    )
    environ = {**os.environ, "OTEL_PYTHON_CONTEXT": "other", "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], env=environ, check=True, timeout=60)
