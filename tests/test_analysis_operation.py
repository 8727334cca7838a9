"""otel_bridge.analysis.operation: what a span did."""

from __future__ import annotations

from typing import Any

import pytest
import traces

from otel_bridge.analysis.operation import operation

UUID = "0d06e2bc-1234-5678-90ab-cdef12345678"


@pytest.mark.parametrize(
    ("name", "kind", "attributes", "expected"),
    [
        ("GET", traces.CLIENT, {"url.full": f"http://h:1/allocations/{UUID}"}, "GET /allocations/{id}"),
        ("GET", traces.CLIENT, {"http.url": "https://h/v3/auth/tokens?x=1#y"}, "GET /v3/auth/tokens"),
        ("PUT", traces.CLIENT, {"url.full": "http://h"}, "PUT"),
        ("GET", traces.CLIENT, {"url.full": "nonsense"}, "GET"),
        ("GET", traces.CLIENT, {"url.full": 7}, "GET"),
        ("GET", traces.CLIENT, {}, "GET"),
        ("GET", traces.SERVER, {"url.full": "http://h/x"}, "GET"),
        ("GET /x", traces.CLIENT, {"url.full": "http://h/y"}, "GET /x"),
        ("build", traces.CLIENT, {"url.full": "http://h/y"}, "build"),
        ("", traces.CLIENT, {}, ""),
        ("n" * 10_000, traces.INTERNAL, {}, "n" * 500),
    ],
)
def test_operation(name: str, kind: int, attributes: dict[str, Any], expected: str) -> None:
    assert operation(traces.span(1, name=name, kind=kind, attributes=attributes)) == expected


def test_a_huge_url_is_not_read_to_its_end() -> None:
    url = "http://h/" + "a" * 10_000_000
    found = operation(traces.span(1, name="GET", kind=traces.CLIENT, attributes={"url.full": url}))
    assert len(found) < 3000
