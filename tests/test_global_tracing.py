"""global_tracing.py: our provider and propagator as OpenTelemetry's global ones."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import Any

import pytest
from environments import clean_environ
from opentelemetry import baggage
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from speaking import signed_headers

from otel_bridge import gate
from otel_bridge.global_tracing import GlobalPropagator
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing.propagation import Remote
from otel_bridge.wire.signing import KeyRing

BASE, PARENT = "0af76519-16cd-43dd-8448-eb211c80319c", "11111111-2222-4333-8444-555555555555"
FOREIGN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
BAGGAGE = {"baggage": "tenant=7"}


@pytest.fixture(autouse=True)
def _keys():
    gate.enable(KeyRing.parse("key"))


@pytest.fixture
def both() -> GlobalPropagator:
    return GlobalPropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])


def signed() -> dict[str, str]:
    return signed_headers(BASE, PARENT)


def test_a_traceparent_brings_no_parent_whoever_reads_it(both):
    assert ctx.SPAN_KEY not in both.extract({"traceparent": FOREIGN}, Context())


def test_what_is_signed_is_not_hidden_by_a_traceparent(both):
    found = both.extract({**signed(), "traceparent": FOREIGN}, Context())
    assert type(found[ctx.SPAN_KEY]) is Remote


def test_a_span_that_is_current_stays_so(both, open_provider):
    span = open_provider.get_tracer("t").start_span("s")
    before = ctx.with_span(Context(), span)
    assert both.extract({"traceparent": FOREIGN}, before)[ctx.SPAN_KEY] is span


def test_baggage_comes_in_only_where_it_was_asked_for(both):
    assert baggage.get_all(both.extract(BAGGAGE, Context())) == {"tenant": "7"}
    assert baggage.get_all(GlobalPropagator().extract(BAGGAGE, Context())) == {}


def test_all_of_them_write(both, provider):
    carrier: dict[str, str] = {}
    found = both.extract({**signed(), **BAGGAGE}, Context())
    span = provider.get_tracer("t").start_span("s", found)
    both.inject(carrier, ctx.with_span(found, span))
    assert set(carrier) == {"X-Trace-Info", "X-Trace-HMAC", "traceparent", "baggage"}
    assert carrier["traceparent"].split("-")[2] == f"{span.get_span_context().span_id:016x}"
    assert set(carrier) <= both.fields


#: Sets the provider up in a process of its own, where the globals are still unset; PRELUDE comes before.
CODE = """
import json, logging
from opentelemetry import propagate, trace
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from oslo_config import cfg
import otel_bridge
{prelude}
conf = cfg.ConfigOpts()
from otel_bridge import opts
opts.register_opts(conf)
conf([], default_config_files=[])
conf.set_override("enabled", True, "profiler")
conf.set_override("hmac_keys", "key", "profiler")
conf.set_override("set_global", {set_global}, "otel_bridge")
conf.set_override("protocol", "none", "otel_bridge")
handle = otel_bridge.setup(conf)
{again}
textmap = propagate.get_global_textmap()
print(json.dumps([
    trace.get_tracer_provider() is handle.tracer_provider, type(textmap).__name__, sorted(textmap.fields)
]))
"""
OURS = ["X-Trace-Freshness", "X-Trace-HMAC", "X-Trace-Info", "traceparent"]
THEIRS = ["baggage", "traceparent", "tracestate"]
UNTOUCHED = [False, "CompositePropagator", THEIRS]


def set_up(prelude: str = "", set_global: bool = True, again: str = "", **environ: str) -> tuple[Any, str]:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(CODE).format(prelude=prelude, set_global=set_global, again=again),
        ],
        env=clean_environ(**environ),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_setup_leaves_the_globals_alone_unless_it_is_told_otherwise():
    assert set_up(set_global=False) == (UNTOUCHED, "")
    assert set_up() == ([True, "GlobalPropagator", OURS], "")


def test_a_second_setup_finds_ours_and_says_nothing():
    again = "otel_bridge.shutdown(); handle = otel_bridge.setup(conf)"
    assert set_up(again=again) == ([True, "GlobalPropagator", OURS], "")


SOMEBODY = "from opentelemetry.sdk.trace import TracerProvider; trace.set_tracer_provider(TracerProvider())"


def test_a_provider_that_somebody_has_set_stays():
    found, said = set_up(SOMEBODY)
    assert found == UNTOUCHED
    assert "has been set by somebody else" in said


def test_a_propagator_that_somebody_has_set_stays():
    found, said = set_up("propagate.set_global_textmap(TraceContextTextMapPropagator())")
    assert found == [True, "TraceContextTextMapPropagator", ["traceparent", "tracestate"]]
    assert "global propagator has been set by somebody else" in said


@pytest.mark.parametrize(
    ("asked", "fields"),
    [
        ("osprofiler", OURS),
        ("tracecontext,baggage", [*OURS[:3], "baggage", "traceparent", "tracestate"]),
        ("baggage, osprofiler ,baggage", [*OURS[:3], "baggage", "traceparent"]),
    ],
)
def test_what_else_was_asked_for_is_propagated_too(asked, fields):
    assert set_up(OTEL_PROPAGATORS=asked) == ([True, "GlobalPropagator", fields], "")


def test_the_user_may_want_none():
    found, said = set_up(OTEL_PROPAGATORS="none")
    assert found == [True, "CompositePropagator", []]
    assert "OTEL_PROPAGATORS is none" in said


def test_the_variable_may_name_our_provider():
    """Then it is the global one, and the propagator goes with it."""
    prelude = "trace.get_tracer_provider()"
    environ = {"OTEL_PYTHON_TRACER_PROVIDER": "otel_bridge", "OTEL_BRIDGE_HMAC_KEYS": "key"}
    found, _ = set_up(prelude, **environ, OTEL_TRACES_EXPORTER="none")
    assert found[0] is True
