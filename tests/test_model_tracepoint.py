"""tracepoint: OSProfiler's notifications as checked values."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.model.tracepoint import (
    InvalidTracePoint,
    Start,
    Stop,
    format_timestamp,
    parse,
    parse_timestamp,
)

BASE = "8d28af1e-acc0-498c-9890-6908e33eff5f"
POINT = "e2715537-3d1c-4f0c-b3af-87355dc5fc5b"
PAYLOAD: dict[str, Any] = {
    "name": "wsgi-start",
    "base_id": BASE,
    "parent_id": BASE,
    "trace_id": POINT,
    "timestamp": "2026-11-22T14:06:00.123456",
    "project": "nova",
    "service": "osapi_compute",
    "info": {"host": "controller", "request": {"path": "/"}},
}


def test_a_start_is_read() -> None:
    event = parse(PAYLOAD)
    assert event == Start(
        name="wsgi",
        base_id=BASE,
        parent_id=BASE,
        trace_id=POINT,
        timestamp=1795356360123456000,
        project="nova",
        service="osapi_compute",
        host="controller",
        info=PAYLOAD["info"],
    )
    assert event.otel_trace_id == uuid.UUID(BASE).int
    assert event.otel_span_id == 0xB3AF87355DC5FC5B
    assert event.otel_parent_id == 0


@pytest.mark.parametrize(
    ("full_name", "kind", "name"),
    [
        ("wsgi-start", Start, "wsgi"),
        ("wsgi-stop", Stop, "wsgi"),
        ("l3-agent-start", Start, "l3-agent"),
        ("workflow-start-start", Start, "workflow-start"),
        ("workflow-start-stop", Stop, "workflow-start"),
        ("driver-start", Start, "driver"),
        ("start-stop", Stop, "start"),
        ("a-stop-start", Start, "a-stop"),
    ],
)
def test_only_the_end_of_the_name_is_the_phase(full_name: str, kind: type, name: str) -> None:
    event = parse({**PAYLOAD, "name": full_name})
    assert type(event) is kind
    assert event.name == name


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": None}, "name"),
        ({"name": ""}, "name"),
        ({"name": "wsgi"}, "name"),
        ({"name": "-start"}, "name"),
        ({"name": "start"}, "name"),
        ({"name": 7}, "name"),
        ({"name": "x" * 5000 + "-start"}, "name"),
        ({"base_id": None}, "base_id"),
        ({"base_id": ""}, "base_id"),
        ({"base_id": 7}, "base_id"),
        ({"base_id": str(uuid.UUID(int=0))}, "base_id"),
        ({"base_id": "x" * 5000}, "base_id"),
        ({"parent_id": ["x"]}, "parent_id"),
        ({"trace_id": None}, "trace_id"),
        ({"trace_id": str(uuid.UUID(int=1 << 64))}, "trace_id"),
        ({"timestamp": None}, "timestamp"),
        ({"timestamp": 1795356360}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": "2026-11-22"}, "timestamp"),
        ({"timestamp": "2026-13-22T14:06:00.123456"}, "timestamp"),
        ({"timestamp": "1969-12-31T23:59:59.999999"}, "timestamp"),
        ({"timestamp": "2026-11-22T14:06:00.1" + "0" * 100}, "timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+23:59"}, "timestamp"),
        ({"project": 7}, "project"),
        ({"service": ["a"]}, "service"),
        ({"info": "text"}, "info"),
        ({"info": ["a"]}, "info"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidTracePoint, match=f"trace point event: {field} is") as caught:
        parse({**PAYLOAD, **changes})
    assert caught.value.field == field
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("payload", [None, 7, "text", ["a"], b"x"])
def test_what_is_no_object_is_no_event(payload: object) -> None:
    with pytest.raises(InvalidTracePoint, match="payload is"):
        parse(payload)


def test_unknown_keys_and_missing_ones_that_may_be_missing_are_accepted() -> None:
    payload = {key: PAYLOAD[key] for key in ("name", "base_id", "trace_id", "timestamp")}
    event = parse({**payload, "_context_request_id": "req-1", "more": [1]})
    assert (event.parent_id, event.project, event.service, event.host, dict(event.info)) == (
        BASE,
        None,
        None,
        None,
        {},
    )


def test_the_host_of_the_payload_goes_before_that_of_the_info() -> None:
    assert parse({**PAYLOAD, "host": "other"}).host == "other"
    assert parse({**PAYLOAD, "info": {"host": 7}}).host is None


def test_a_value_is_checked_however_it_is_made() -> None:
    good = parse(PAYLOAD)
    fields = {name: getattr(good, name) for name in ("name", "base_id", "parent_id", "trace_id", "timestamp")}
    for timestamp in (-1, 1 << 64, True, 1.5):
        with pytest.raises(InvalidTracePoint, match="timestamp"):
            Start(**{**fields, "timestamp": timestamp})


def test_a_value_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        parse(PAYLOAD).name = "x"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:00.000000", 0),
        ("2016-04-18T17:42:10.77", 1461001330770000000),
        ("2016-04-18T17:42:10", 1461001330000000000),
        ("2016-04-18T17:42:10.770000Z", 1461001330770000000),
        ("2016-04-18T19:42:10.770000+02:00", 1461001330770000000),
    ],
)
def test_times_are_utc(text: str, nanoseconds: int) -> None:
    assert parse_timestamp(text) == nanoseconds


@settings(deadline=None)
@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2500, 1, 1)))
def test_every_time_of_osprofiler_is_read_exactly_and_written_again(moment: datetime) -> None:
    text = moment.strftime("%Y-%m-%dT%H:%M:%S.%f")
    nanoseconds = parse_timestamp(text)
    assert nanoseconds % 1000 == 0
    assert datetime.fromtimestamp(nanoseconds // 10**9, UTC).replace(tzinfo=None) == moment.replace(
        microsecond=0
    )
    assert nanoseconds % 10**9 == moment.microsecond * 1000
    assert format_timestamp(nanoseconds) == text


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(PAYLOAD)), JSON))
def test_any_payload_is_an_event_or_an_error(changes: dict[str, Any]) -> None:
    try:
        event = parse({**PAYLOAD, **changes})
    except InvalidTracePoint:
        return
    assert event.otel_span_id
    assert event.otel_trace_id
