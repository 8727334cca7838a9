"""cli/check_request.py: whether a request without headers would be sampled."""

from __future__ import annotations

from pathlib import Path

import pytest
from checking import Write, lines, without_tracing_variables, writer

from otel_bridge.cli.check_request import Request, findings, parse
from otel_bridge.cli.check_service import read
from otel_bridge.cli.errors import UsageError


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    without_tracing_variables(monkeypatch)
    return writer(tmp_path)


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("GET /v2.1/servers", Request("GET", "/v2.1/servers")),
        (" post   /v2.1/servers ", Request("POST", "/v2.1/servers")),
        ("/v2.1/servers?limit=1", Request("GET", "/v2.1/servers")),
        ("DELETE https://nova:8774/v2.1/a%20b?x#y", Request("DELETE", "/v2.1/a b")),
    ],
)
def test_requests(text: str, request_: Request) -> None:
    assert parse(text) == request_


@pytest.mark.parametrize(
    "text", ["", "GET", "GET servers", "G=T /a", "GET /a /b", "http://nova", "GET http://[/a"]
)
def test_what_is_no_request(text: str) -> None:
    with pytest.raises(UsageError, match="--request: "):
        parse(text)


@pytest.mark.parametrize(
    ("bridge", "said"),
    [
        (
            "",
            "note     request GET /a: not traced, unless it is signed: no [otel_bridge]"
            " sampling_ratio is set",
        ),
        ("sampling_ratio = 0", "not traced, unless it is signed: [otel_bridge] sampling_ratio is 0"),
        (
            "sampling_ratio = 1",
            "ok       request GET /a: traced, signed or not: [otel_bridge] sampling_ratio is 1",
        ),
        (
            "sampling_ratio = 0.01",
            "traced if it is signed, and else one in 100: [otel_bridge] sampling_ratio is 0.01",
        ),
        ("sampling_rules = GET /a = 0.5", "one in 2: [otel_bridge] sampling_rules has GET /a = 0.5"),
        (
            "sampling_rules = /a* = 0\nsampling_ratio = 1",
            "unless it is signed: [otel_bridge] sampling_rules has /a* = 0",
        ),
        (
            "sampling_rules = /b = 1",
            "not traced, unless it is signed: no entry of [otel_bridge] sampling_rules fits",
        ),
        ("trust_traceparent = 192.0.2.1", "from a proxy of trust_traceparent, its traceparent decides"),
        ("sampling_rules = nova-api: /a = 1", "in nova-api this one decides, if none before it does: /a = 1"),
    ],
)
def test_what_the_policy_decides(bridge: str, said: str, write: Write) -> None:
    found = lines(findings(Request("GET", "/a"), read([write(bridge=bridge)])))
    assert any(said in line for line in found), found


def test_the_rules_of_a_service_that_is_named(write: Write) -> None:
    service = read([write(bridge="sampling_rules = nova-api: /a = 1, keystone: /a = 0")], "nova-api")
    assert lines(findings(Request("GET", "/a"), service)) == [
        "ok       request GET /a: traced, signed or not: [otel_bridge] sampling_rules has /a = 1"
    ]


def test_a_service_that_traces_nothing(write: Write) -> None:
    service = read([write(bridge="sampling_ratio = 1", enabled="false")])
    [line] = lines(findings(Request("GET", "/a"), service))
    assert line.startswith("problem  request GET /a: served untraced, signed or not")
