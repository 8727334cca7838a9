"""cli/check_headers.py: what becomes of a request with these headers."""

from __future__ import annotations

import base64
import json

import pytest
from checking import about, lines
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.cli.check_gate import fingerprint
from otel_bridge.cli.check_header_text import Headers
from otel_bridge.cli.check_headers import findings
from otel_bridge.settings import GateSettings
from otel_bridge.wire import freshness
from otel_bridge.wire.signing import Key, KeyRing, pack

BASE = "0d06e2bc-1234-4678-90ab-cdef12345678"
TRACE = "0d06e2bc1234467890abcdef12345678"
KEYS = KeyRing.parse("S3cret1, S3cret2")
INFO, MAC = pack(BASE, BASE, KEYS.keys[1])
NOW = 1_700_000_000.0
GATE = GateSettings(enabled=True, keys=KEYS)
FRESH = GateSettings(enabled=True, keys=KEYS, freshness_window=60)


def of(headers: Headers, gate: GateSettings = GATE, *, enabled: bool = True) -> list[str]:
    return lines(findings(headers, gate, enabled=enabled, now=NOW))


def stamp(age: float, key: Key = KEYS.keys[1], mac: str = MAC) -> str:
    return freshness.stamp(INFO, mac, key, NOW - age, b"n" * freshness.NONCE_BYTES)


def test_a_request_that_is_traced() -> None:
    second = fingerprint(KEYS.keys[1])
    assert of(Headers((INFO,), (MAC,))) == [
        f"ok       X-Trace-Info: base_id '{BASE}' (trace {TRACE}), no span above: a root",
        f"ok       X-Trace-HMAC: signed with key 2 of 2 (fingerprint {second}), SHA-1; what the"
        " request causes is"
        " signed with it, too, so the other services need it",
        f"ok       request: sent now, it is part of trace {TRACE}",
    ]


def test_nobody_needs_another_key_than_the_first() -> None:
    headers = Headers(*((value,) for value in pack(BASE, BASE, KEYS.keys[0])))
    [line] = [line for line in of(headers) if "X-Trace-HMAC" in line]
    assert line.endswith("is signed with it, too")


@pytest.mark.parametrize(
    ("headers", "header", "said"),
    [
        (Headers((INFO,)), "X-Trace-HMAC", "it is missing"),
        (Headers((), (MAC,)), "X-Trace-Info", "it is missing"),
        (Headers((), (MAC,)), "X-Trace-HMAC", "there is no X-Trace-Info that it could be for"),
        (
            Headers((INFO, INFO), (MAC,)),
            "X-Trace-Info",
            "it is there 2 times, with the same value: servers join",
        ),
        (Headers((INFO, "x"), (MAC,)), "X-Trace-Info", "it is there 2 times: servers join"),
        (Headers((INFO,), (MAC, "a" * 40)), "X-Trace-HMAC", "it is there 2 times: servers join"),
        (Headers((INFO,), ("a" * 40,)), "X-Trace-HMAC", "signed with a key that this service does not have"),
        (Headers((INFO[:90],), (MAC,)), "X-Trace-Info", "it is cut off"),
        (
            Headers((INFO[:90],), (MAC,)),
            "X-Trace-HMAC",
            "it is not the HMAC of that X-Trace-Info, by any key",
        ),
        (Headers(("",), ("",)), "X-Trace-Info", "it is empty"),
        (Headers((INFO,), (MAC[:20],)), "X-Trace-HMAC", "it is cut off"),
    ],
)
def test_a_request_that_is_not(headers: Headers, header: str, said: str) -> None:
    found = list(findings(headers, GATE, enabled=True, now=NOW))
    finding = about(header, found)
    assert (finding.level, said in finding.text) == ("problem", True), finding
    assert about("request", found).data == {"traced": False}


def test_a_stranger_s_signature_names_the_keys_to_compare_with() -> None:
    [line] = [line for line in of(Headers((INFO,), ("a" * 40,))) if "X-Trace-HMAC" in line]
    first, second = map(fingerprint, KEYS.keys)
    assert line.endswith(f" (this service has 2 keys, fingerprints {first}, {second})")


def test_a_request_without_headers() -> None:
    [line] = of(Headers())
    assert line.startswith("problem  request: there is neither X-Trace-Info nor X-Trace-HMAC in it")


def test_a_service_that_traces_nothing() -> None:
    found = of(Headers((INFO,), (MAC,)), enabled=False)
    assert found[1].startswith("ok       X-Trace-HMAC: signed with key 2")
    assert found[-1] == (
        "problem  request: served untraced, whatever its headers say: tracing is switched off here"
    )


def test_signed_content_that_is_refused() -> None:
    info = base64.urlsafe_b64encode(json.dumps({"base_id": BASE, "hmac_key": "S3cret2"}).encode()).decode()
    found = list(findings(Headers((info,), (KEYS.keys[1].sign(info.encode()),)), GATE, enabled=True))
    assert about("X-Trace-HMAC", found).level == "ok"
    assert "it holds an hmac_key" in about("X-Trace-Info", found).text
    assert about("request", found).data == {"traced": False}


# -- freshness --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "level", "said", "traced"),
    [
        (None, "problem", "it is missing, and [otel_bridge] freshness_window = 60 asks for it", False),
        (stamp(12), "ok", "signed 12.0 s ago, good for 60 s and for one request", True),
        (stamp(61), "problem", "signed 61.0 s ago and good for 60 s: stale by now", False),
        (stamp(7260), "problem", "signed 2 h ago", False),
        (stamp(600), "problem", "signed 10 min ago", False),
        (stamp(400_000), "problem", "signed 5 days ago", False),
        (stamp(-90), "problem", "signed 90.0 s in the future, more than the 60 s", False),
        (stamp(1, Key("other")), "problem", "belongs to other headers", False),
        (stamp(1, mac="b" * 40), "problem", "belongs to other headers", False),
        ("now", "problem", "is malformed", False),
    ],
)
def test_freshness(value: str | None, level: str, said: str, traced: bool) -> None:
    headers = Headers((INFO,), (MAC,), () if value is None else (value,))
    found = list(findings(headers, FRESH, enabled=True, now=NOW))
    finding = about("X-Trace-Freshness", found)
    assert (finding.level, said in finding.text) == (level, True), finding
    assert about("request", found).data == {"traced": traced}


@pytest.mark.parametrize(
    ("value", "level", "said"),
    [
        (stamp(100), "ok", "signed 100.0 s ago; not looked at, since [otel_bridge] freshness_window is 0"),
        ("now", "note", "freshness_window is 0 (its X-Trace-Freshness is malformed)"),
        (stamp(1, Key("other")), "note", "(its X-Trace-Freshness belongs to other headers)"),
    ],
)
def test_freshness_that_nobody_asks_for(value: str, level: str, said: str) -> None:
    found = list(findings(Headers((INFO,), (MAC,), (value,)), GATE, enabled=True, now=NOW))
    finding = about("X-Trace-Freshness", found)
    assert (finding.level, said in finding.text) == (level, True), finding
    assert about("request", found).data == {"traced": True}


def test_freshness_of_a_stranger() -> None:
    found = list(findings(Headers((INFO,), ("a" * 40,), (stamp(5),)), FRESH, enabled=True, now=NOW))
    assert str(about("X-Trace-Freshness", found)) == (
        "note     X-Trace-Freshness: signed 5.0 s ago; it counts only with a good signature"
    )


_values = st.lists(st.one_of(st.text(max_size=200), st.sampled_from([INFO, MAC, stamp(5)])), max_size=3).map(
    tuple
)


@given(st.builds(Headers, _values, _values, _values), st.sampled_from([GATE, FRESH]))
def test_whatever_is_said_of_a_request_is_what_the_service_does_and_shows_no_key(
    headers: Headers, gate: GateSettings
) -> None:
    found = list(findings(headers, gate, enabled=True, now=NOW))
    said = KEYS.verify(",".join(headers.info), ",".join(headers.mac))
    verdict = about("request", found)
    assert verdict.is_ok == all(finding.is_ok for finding in found)
    if said is None:
        assert not verdict.is_ok
    elif gate is GATE:
        assert verdict.is_ok
    assert "S3cret" not in "".join(map(str, found))
