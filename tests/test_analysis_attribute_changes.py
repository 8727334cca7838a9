"""otel_bridge.analysis.attribute_changes: what corresponding spans say differently of themselves."""

from __future__ import annotations

from typing import Any

import pytest
import span_records
import traces
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.analysis.attribute_changes import AttributeChange, ServiceChange, of_services, of_spans
from otel_bridge.model.trace import SpanRecord

UUID, OTHER = "0d06e2bc-1234-5678-90ab-cdef12345678", "1d06e2bc-1234-5678-90ab-cdef12345679"


def spans(*attributes: dict[str, Any]) -> list[SpanRecord]:
    return [traces.span(number, attributes=one) for number, one in enumerate(attributes, 1)]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (
            {"http.response.status_code": 200},
            {"http.response.status_code": 503},
            [("http.response.status_code", "200", "503", True)],
        ),
        ({}, {"http.request.resend_count": 2}, [("http.request.resend_count", "", "2", True)]),
        ({"tries.Retry": 1}, {"tries.Retry": 2}, [("tries.Retry", "1", "2", True)]),
        ({"x": "old"}, {"x": "new"}, [("x", "old", "new", False)]),
        ({"x": ["a", {"b": 1}]}, {"x": ["a", {"b": 2}]}, [("x", "a b 1", "a b 2", False)]),
        ({"x": "same"}, {"x": "same"}, []),
        # Another one in each trace, or with ids in it.
        ({"openstack.request_id": "req-1"}, {"openstack.request_id": "req-2"}, []),
        ({"url.full": "http://a"}, {"url.full": "http://b"}, []),
        ({"server.port": 1}, {"server.port": 2}, []),
        ({"queue": f"reply_{UUID}"}, {"queue": f"reply_{OTHER}"}, []),
        ({"queue": f"reply_{UUID}"}, {"queue": "reply"}, [("queue", f"reply_{UUID}", "reply", False)]),
        # The same statement for more values.
        ({"db.query.text": "x IN (?)"}, {"db.query.text": "x IN (?, ?, ?)"}, []),
        ({"db.query.text": "x IN (%(a)s)"}, {"db.query.text": "x IN (%(a_1)s, %(a_2)s)"}, []),
        ({"db.query.text": "x = ?"}, {"db.query.text": "y = ?"}, [("db.query.text", "x = ?", "y = ?", True)]),
    ],
)
def test_of_a_pair(a: dict[str, Any], b: dict[str, Any], expected: list[tuple[Any, ...]]) -> None:
    assert of_spans(spans(a), spans(b)) == [AttributeChange(*one) for one in expected]


def test_telling_ones_come_first() -> None:
    found = of_spans(spans({"a": 1, "error.type": "X"}), spans({"a": 2, "error.type": "Y"}))
    assert [change.key for change in found] == ["error.type", "a"]


def test_of_several_spans_the_values_of_telling_ones_are_sets() -> None:
    key = "http.response.status_code"
    a = spans({key: 200, "x": 1}, {key: 200})
    b = spans({key: 503, "x": 2}, {key: 200}, {key: 200})
    assert of_spans(a, b) == [AttributeChange(key, "200", "200, 503", True)]
    assert of_spans(a, spans({key: 200})) == []


def test_many_values_are_counted() -> None:
    many = spans(*({"error.type": f"E{number}"} for number in range(10)))
    [change] = of_spans(many, spans({"error.type": "E0"}))
    assert change.a == "E0, E1, E2, E3, 6 more"


def test_where_one_trace_has_no_such_span_nothing_differs() -> None:
    assert of_spans([], spans({"error.type": "X"})) == []
    assert of_spans(spans({"error.type": "X"}), []) == []


def test_values_are_cut() -> None:
    [change] = of_spans(spans({"x": "y" * 10**6}), spans({"x": ["z" * 10**6] * 50}))
    assert (len(change.a), len(change.b)) == (1000, 1000)


@given(st.lists(span_records.records(), max_size=3), st.lists(span_records.records(), max_size=3))
def test_any_values_are_taken(a: list[SpanRecord], b: list[SpanRecord]) -> None:
    of_spans(a, b)
    of_services(a, b)
    assert of_spans(a, a) == []


def test_services_on_other_hosts_and_in_other_versions() -> None:
    def one(service: str, host: str, **more: Any) -> SpanRecord:
        return traces.span(1, service=service, resource={"host.name": host, **more})

    a = [one("nova", "h1", **{"service.version": "1"}), one("glance", "h1"), one("gone", "h1")]
    b = [one("nova", "h2", **{"service.version": "1"}), one("nova", "h3"), one("glance", "h1")]
    assert of_services(a, b) == [ServiceChange("nova", "host.name", "h1", "h2, h3")]
