"""cli/check_header_text.py: trace headers in what people paste."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.cli.check_header_text import Headers, parse, parse_requests
from otel_bridge.wire.signing import MAX_HEADER_LENGTH

INFO, MAC, STAMP = "eyJi_-Q=", "0a" * 20, "1700000000000.ab.cd"
ALL = Headers((INFO,), (MAC,), (STAMP,))


@pytest.mark.parametrize(
    "text",
    [
        f"X-Trace-Info: {INFO}\nX-Trace-HMAC: {MAC}\nX-Trace-Freshness: {STAMP}",
        f"x-trace-info:{INFO}\r\nx-trace-hmac:{MAC}  \r\nX-TRACE-FRESHNESS:\t{STAMP}\r\n",
        f"> GET / HTTP/1.1\n> Host: h\n> X-Trace-Info: {INFO}\n> X-Trace-HMAC: {MAC}\n>"
        f" X-Trace-Freshness: {STAMP}\n>",
        f"curl -H 'X-Trace-Info: {INFO}' -H 'X-Trace-HMAC: {MAC}' --header \"X-Trace-Freshness:"
        f' {STAMP}" http://h',
        f"curl -H X-Trace-Info:{INFO} -H X-Trace-HMAC:{MAC} --header X-Trace-Freshness:{STAMP}",
        f"{{'X-Trace-Info': '{INFO}', \"X-Trace-HMAC\": \"{MAC}\", 'X-Trace-Freshness': b'{STAMP}'}}",
        f'{{"X-Trace-Info": ["{INFO}"], "X-Trace-HMAC": ["{MAC}"], "X-Trace-Freshness": ["{STAMP}"]}}',
        f"HTTP_X_TRACE_INFO={INFO}\nHTTP_X_TRACE_HMAC={MAC}\nHTTP_X_TRACE_FRESHNESS={STAMP}",
        str({"HTTP_X_TRACE_INFO": INFO, "HTTP_X_TRACE_HMAC": MAC, "HTTP_X_TRACE_FRESHNESS": STAMP}),
        f"X-Trace-Info => {INFO}\nX-Trace-HMAC = {MAC}\nX-Trace-Freshness : {STAMP}",
        f'2026-11-23 REQ: curl -g -i -X GET http://h/v3 -H "X-Trace-HMAC: {MAC}" -H "X-Trace-Info: {INFO}"'
        f' -H "X-Trace-Freshness: {STAMP}" _http_log_request',
    ],
)
def test_forms(text: str) -> None:
    assert parse([text]) == ALL
    assert parse_requests(text) == [ALL]


@pytest.mark.parametrize(
    "text", ["", "X-Trace: 1", "X-Trace-Infos: 1", "MyX-Trace-Info: 1", "X-Trace-Info", "X-Trace-Info-2: 1"]
)
def test_what_is_no_trace_header(text: str) -> None:
    assert not parse([text])
    assert parse_requests(text) == [Headers()]


def test_values_stay_as_they_are_within() -> None:
    assert parse(["X-Trace-Info: a b,c%3D "]).info == ("a b,c%3D",)


def test_an_empty_value_is_one() -> None:
    assert parse(["X-Trace-Info:"]).info == ("",)


def test_a_header_that_is_there_twice() -> None:
    assert parse(["X-Trace-Info: a", "X-Trace-Info: b"]).info == ("a", "b")


def test_each_request_of_a_log() -> None:
    one = 'REQ: curl -g -i http://h -H "X-Trace-Info: a" -H "X-Trace-HMAC: 1"'
    two = "> GET /v2 HTTP/1.1\n> X-Trace-Info: b\n> X-Trace-HMAC: 2"
    assert parse_requests(f"{one}\nRESP: [200]\n{two}\n{one}\n") == [
        Headers(("a",), ("1",)),
        Headers(("b",), ("2",)),
    ]


@given(st.text(), st.sampled_from(["X-Trace-Info", "x-trace-hmac", "HTTP_X_TRACE_FRESHNESS"]), st.text())
def test_whatever_stands_there(before: str, name: str, after: str) -> None:
    text = f"{before}{name}{after}"
    parse([text])
    assert len(parse_requests(text)) >= 1


def test_what_repeats_itself_takes_no_memory_of_its_square() -> None:
    """Without a quotation mark a value goes on to the end of the line, over all the names behind it."""
    found = parse(["X-Trace-Info:" * 50_000, *["X-Trace-HMAC: a"] * 1000])
    assert 1 < len(found.info) < 100
    assert all(len(value) < 50_000 for value in found.info)
    assert len(found.mac) < 100


def test_a_value_that_is_too_long_for_a_service_stays_so() -> None:
    (value,) = parse(["X-Trace-Info: " + "a" * 1_000_000]).info
    assert len(value) > 4 * MAX_HEADER_LENGTH
