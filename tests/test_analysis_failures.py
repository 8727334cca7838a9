"""otel_bridge.analysis.failures: what fails in one of two traces, and not, or less often, in the other."""

from __future__ import annotations

import pytest
from compared import Builder

from otel_bridge.analysis import failures
from otel_bridge.analysis.difference import compare
from otel_bridge.model.trace import Trace


def calls(*failed: bool, name: str = "call", service: str = "nova-api") -> Trace:
    """A root with calls that follow each other, a query below each."""
    made = Builder()
    root = made.add(0, "root", end=1000)
    for number, fails in enumerate(failed):
        call = made.add(root, name, service, start=10 * number, end=10 * number + 5, status=2 if fails else 0)
        made.add(call, "SELECT", service, start=10 * number, end=10 * number + 1)
    return made.trace()


def more(a: Trace, b: Trace) -> list[tuple[str, str, bool]]:
    """What fails more often: in which trace, the operation, and whether only there."""
    difference = compare(a, b)
    return [
        (name, one.span.name, one.only)
        for name, in_b in (("A", False), ("B", True))
        for one in failures.more(difference, in_b=in_b)
    ]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((False,), (True,), [("B", "call", True)]),
        ((True,), (False,), [("A", "call", True)]),
        ((True, False, False), (True, True, False), [("B", "call", False)]),
        ((True, True), (True, False), [("A", "call", False)]),
        ((True,), (True,), []),
        ((), (), []),
        # As often, though not at the same place.
        ((True, False), (False, True), []),
        # What only one of them has fails there.
        ((), (True,), [("B", "call", True)]),
        ((False,) * 3, (True,) * 40, [("B", "call", True)]),
    ],
)
def test_what_fails_more_often(
    a: tuple[bool, ...], b: tuple[bool, ...], expected: list[tuple[str, str, bool]]
) -> None:
    assert more(calls(*a), calls(*b))[:1] == expected


def test_only_the_lowest_is_named() -> None:
    def nested(status: int) -> Trace:
        made = Builder()
        above = made.add(0, "root", status=status)
        above = made.add(above, "middle", status=status)
        made.add(above, "origin", status=status)
        return made.trace()

    assert more(nested(0), nested(2)) == [("B", "origin", True)]


def test_what_has_another_name_now_did_not_begin_to_fail() -> None:
    """Nor did it end: it failed under its old name."""
    old, new = calls(True, name="call", service="old"), calls(True, name="call", service="new")
    assert more(old, new) == []


def test_the_span_is_one_that_failed() -> None:
    difference = compare(calls(False, False, False), calls(False, True, False))
    (found,) = failures.more(difference, in_b=True)
    assert found.span.is_error
    assert found.span.span_id == 4
