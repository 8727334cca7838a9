"""propagator.py: what ``OTEL_PROPAGATORS=osprofiler`` gives."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time

import pytest
from opentelemetry import trace as api
from opentelemetry.context.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.trace import TracerProvider as SdkProvider
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from requests.structures import CaseInsensitiveDict
from speaking import signed_headers

from otel_bridge import gate, log, propagator, runtime
from otel_bridge.global_tracing import GlobalPropagator
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.propagator import GatedPropagator
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing import propagation
from otel_bridge.tracing.propagation import Remote
from otel_bridge.tracing.sampling import HmacSampler
from otel_bridge.wire import freshness, ids
from otel_bridge.wire.signing import Key, KeyRing, TraceInfo

BASE, PARENT = "0af76519-16cd-43dd-8448-eb211c80319c", "11111111-2222-4333-8444-555555555555"


def signed(key: str = "key") -> dict[str, str]:
    return signed_headers(BASE, PARENT, key)


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.delenv("OTEL_BRIDGE_HMAC_KEYS_FILE", raising=False)
    monkeypatch.setenv("OTEL_BRIDGE_HMAC_KEYS", "key")
    monkeypatch.setattr(log, "_last", {})
    propagator.reset()
    yield
    propagator.reset()


def opens(carrier: object) -> bool:
    """Whether the gate opens below what was extracted."""
    context = GatedPropagator().extract(carrier, Context())
    return context.get(ctx.SPAN_KEY).__class__ is Remote


def test_the_keys_are_those_of_the_environment():
    assert opens(signed())
    assert not opens(signed("another"))


def test_the_keys_that_were_set_up_are_stronger():
    gate.enable(KeyRing.parse("another"))
    assert opens(signed("another"))
    assert not opens(signed())


def test_the_environment_is_not_looked_at_where_keys_were_set_up(monkeypatch, caplog):
    """A service that has its keys from oslo.config is not told that the environment has none."""
    monkeypatch.delenv("OTEL_BRIDGE_HMAC_KEYS")
    gate.enable(KeyRing.parse("key"))
    assert opens(signed())
    assert caplog.text == ""


def test_nothing_gets_through_a_gate_that_is_shut():
    gate.disable()
    assert not opens(signed())


def test_without_a_key_nothing_opens_and_that_is_told_once(monkeypatch, caplog):
    monkeypatch.delenv("OTEL_BRIDGE_HMAC_KEYS")
    with caplog.at_level(logging.WARNING, "otel_bridge"):
        assert not opens({})
        assert caplog.text == ""  # nobody has asked for a trace
        assert not opens(signed())
        assert not opens(signed())
    [record] = caplog.records
    assert "OTEL_BRIDGE_HMAC_KEYS: there is no HMAC key" in record.getMessage()


@pytest.mark.parametrize(
    "carrier",
    [
        {},
        {"traceparent": f"00-{BASE.replace('-', '')}-00f067aa0ba902b7-01"},
        {"X-Trace-Info": signed()["X-Trace-Info"]},
        {"X-Trace-HMAC": signed()["X-Trace-HMAC"]},
        {**signed(), "X-Trace-HMAC": "0" * 40},
        {"X-Trace-Info": "", "X-Trace-HMAC": ""},
        {"X-Trace-Info": [], "X-Trace-HMAC": []},
        {"X-Trace-Info": [None], "X-Trace-HMAC": [5]},
        {"X-Trace-Info": "A" * 10_000, "X-Trace-HMAC": "0" * 40},
        None,
        5,
    ],
)
def test_what_does_not_verify_changes_nothing_and_raises_nothing(carrier):
    before = Context({"key": "value"})
    assert GatedPropagator().extract(carrier, before) is before


@pytest.mark.parametrize(
    ("carrier", "count"),
    [(signed(), 0), ({}, 0), (signed("another"), 1), ({**signed(), "X-Trace-HMAC": ""}, 1)],
)
def test_what_was_refused_is_counted(carrier, count):
    before = gate.refused.value()
    opens(carrier)
    assert gate.refused.value() - before == count


def test_a_request_that_is_not_fresh_is_refused_and_counted_once():
    gate.enable(KeyRing.parse("key"))
    gate.require_fresh(60)
    before = gate.refused.value()
    assert not opens(signed())
    assert gate.refused.value() - before == 1


def test_a_fresh_request_opens_the_gate_once():
    gate.enable(KeyRing.parse("key"))
    gate.require_fresh(60)
    carrier = signed()
    stamp = freshness.stamp(*carrier.values(), Key("key"), time.time(), bytes(16))
    carrier["X-Trace-Freshness"] = stamp
    assert opens(carrier)
    assert not opens(carrier)


def shut_down() -> None:
    runtime.get_tracer_provider()
    runtime.shutdown()


@pytest.mark.parametrize("forget", [propagator.reset, shut_down])
def test_the_environment_counts_as_a_whole_from_then_on_too(provider, monkeypatch, forget):
    """Its keys never open the gate to a trace that then goes where it must not, or unstamped."""
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_BRIDGE_PROPAGATE_TO", "keystone")
    monkeypatch.setenv("OTEL_BRIDGE_FRESHNESS", "1")
    for _ in range(2):
        context = GatedPropagator().extract(signed(), Context())
        tracer = provider.get_tracer("theirs")
        for host, names in (("elsewhere", set()), ("keystone", GatedPropagator().fields)):
            span = tracer.start_span("s", context, SpanKind.CLIENT, {"url.full": f"http://{host}/"})
            carrier: dict[str, str] = {}
            GatedPropagator().inject(carrier, ctx.with_span(context, span))
            assert carrier.keys() == names
        forget()


def test_a_reset_forgets_what_was_set_up():
    propagator.restrict(())
    propagation.stamping(True)
    propagator.reset()
    carrier: dict[str, str] = {}
    remote = Remote(TraceInfo(5, 7, Key("key")))
    client = api.NonRecordingSpan(remote.get_span_context())
    client.kind, client.attributes = SpanKind.CLIENT, {"url.full": "http://keystone/"}
    GatedPropagator().inject(carrier, ctx.with_request(Context(), client, remote.info))
    assert carrier.keys() == {"X-Trace-Info", "X-Trace-HMAC", "traceparent"}


def test_the_span_of_a_signed_request_goes_out_signed(provider):
    found = GatedPropagator().extract(signed(), Context())
    span = provider.get_tracer("t").start_span("s", found)
    carrier: dict[str, str] = {}
    GatedPropagator().inject(carrier, ctx.with_span(found, span))
    info = KeyRing.parse("key").verify(carrier["X-Trace-Info"], carrier["X-Trace-HMAC"])
    assert info is not None
    assert info.parent_span_id == span.get_span_context().span_id
    assert carrier["traceparent"] == f"00-{info.trace_id:032x}-{info.parent_span_id:016x}-01"


@pytest.mark.parametrize(
    ("kind", "attributes", "leaves"),
    [
        (SpanKind.CLIENT, {"url.full": "http://keystone:5000/v3"}, True),
        (SpanKind.CLIENT, {"http.url": "https://KEYSTONE./"}, True),
        (SpanKind.CLIENT, {"url.full": "http://elsewhere/?u=http://keystone/"}, False),
        (SpanKind.CLIENT, {"http.url": "http://keystone@elsewhere/"}, False),
        (SpanKind.CLIENT, {"url.full": "http://[keystone/"}, False),
        (SpanKind.CLIENT, {"url.full": "keystone"}, False),
        (SpanKind.CLIENT, {"rpc.method": "build"}, True),
        (SpanKind.INTERNAL, {}, True),
        (SpanKind.SERVER, {"url.full": "http://us/"}, True),
    ],
)
def test_another_ones_http_client_carries_the_trace_where_it_may_go(
    provider, monkeypatch, kind, attributes, leaves
):
    monkeypatch.setenv("OTEL_BRIDGE_PROPAGATE_TO", "keystone")
    context = GatedPropagator().extract(signed(), Context())
    span = provider.get_tracer("theirs").start_span("s", context, kind, attributes)
    for gated in (GatedPropagator(), GlobalPropagator()):
        copied = {"x-trace-info": "of the request that was redirected", "Traceparent": "00-", "Accept": "*/*"}
        for before in ({}, dict(copied), CaseInsensitiveDict(copied)):
            gated.inject(before, ctx.with_span(context, span))
            assert ("X-Trace-Info" in before) is leaves
            assert leaves or not before.keys() - {"Accept"}


@pytest.mark.parametrize("headers", [{}, {"traceparent": f"00-{ids.trace_id(BASE):032x}-{0xAA:016x}-01"}])
def test_a_sender_without_a_span_of_its_own_names_none(provider, headers):
    """What it says, by way of the headers that it got: the parent over there is the same as here."""
    received = GatedPropagator().extract({**signed(), **headers}, Context())
    again: dict[str, str] = {}
    GatedPropagator().inject(again, received)
    parent = 0xAA if headers else ids.span_id(PARENT)
    span = provider.get_tracer("t").start_span("s", GatedPropagator().extract(again, Context()))
    assert span.parent.span_id == parent


@pytest.mark.parametrize("make", [GatedPropagator, GlobalPropagator])
def test_below_a_root_without_a_span_there_is_a_root(provider, make):
    sent: dict[str, str] = {}
    make().inject(sent, make().extract(signed_headers(BASE), Context()))
    assert "traceparent" in sent
    span = provider.get_tracer("t").start_span("s", make().extract(sent, Context()))
    assert span.context.trace_id == ids.trace_id(BASE)
    assert span.parent is None


def test_below_a_root_without_a_span_the_sdk_records_with_our_sampler():
    """The SDK has to have a parent to stay in the trace: the one that readers know as none."""
    sent: dict[str, str] = {}
    GatedPropagator().inject(sent, GatedPropagator().extract(signed_headers(BASE), Context()))
    w3c = TraceContextTextMapPropagator()
    for extract in (GatedPropagator().extract, CompositePropagator([GatedPropagator(), w3c]).extract):
        sdk = SdkProvider(HmacSampler(), shutdown_on_exit=False)
        span = sdk.get_tracer("t").start_span("s", extract(sent, Context()))
        assert span.is_recording()
        trace_id, span_id = span.context.trace_id, span.context.span_id
        assert trace_id == ids.trace_id(BASE)
        found = SpanRecord(trace_id, span_id, span.parent.span_id, "s", 0, 1, 2)
        assert Trace.from_spans(trace_id, [found]).orphans == frozenset()


def test_nothing_goes_out_of_what_is_not_traced():
    carrier: dict[str, str] = {}
    GatedPropagator().inject(carrier, Context())
    GatedPropagator().inject(carrier, ctx.with_span(Context(), api.INVALID_SPAN))
    assert carrier == {}


def test_the_fields_are_what_is_written(monkeypatch):
    monkeypatch.setenv("OTEL_BRIDGE_FRESHNESS", "1")
    found = GatedPropagator().extract(signed(), Context())
    carrier: dict[str, str] = {}
    GatedPropagator().inject(carrier, found)
    assert set(carrier) == GatedPropagator().fields


def test_keys_that_cannot_be_read_are_no_keys(monkeypatch):
    from otel_bridge.config import gate as config_gate

    def fail(*_arguments: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(config_gate, "read_gate", fail)
    assert not opens(signed())


@pytest.mark.parametrize(
    "first", ["opentelemetry.propagate", "otel_bridge.propagator", "opentelemetry.instrumentation.utils"]
)
def test_opentelemetry_can_load_it_whoever_is_imported_first(first):
    """propagate makes it while it is being imported itself."""
    code = (
        f"import {first}\nfrom opentelemetry import propagate\n"
        "print(sorted(propagate.get_global_textmap().fields))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OTEL_PROPAGATORS": "baggage,osprofiler"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "X-Trace-HMAC" in done.stdout
