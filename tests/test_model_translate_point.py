"""translate.point: what all captured points have in common."""

from __future__ import annotations

import pytest

from otel_bridge.model.translate import FunctionCall, IncomingMessage, Point, Query, ServerRequest
from otel_bridge.model.translate.point import CAPTURE_LIMIT, DETAIL_LIMIT, captured, number_of


def test_a_slot_that_was_never_set_reads_as_none() -> None:
    point = object.__new__(IncomingMessage)
    assert point.endpoint is None  # its own
    assert point.method is None  # of the class above
    assert point.args is None
    assert point.error is None


def test_a_name_that_is_no_slot_is_an_error() -> None:
    with pytest.raises(AttributeError, match="no slot 'metod'"):
        Query().metod  # noqa: B018
    with pytest.raises(AttributeError):
        Query(metod="GET")


def test_points_have_no_dict_to_put_anything_else_into() -> None:
    for kind in (ServerRequest, IncomingMessage, Query, FunctionCall):
        assert not hasattr(object.__new__(kind), "__dict__")


def test_a_name_given_by_somebody_wins() -> None:
    assert FunctionCall(name="driver").translate("mine")[0] == "mine"
    assert FunctionCall(name="driver").translate()[0] == "driver"


def test_every_translation_is_a_dict_of_its_own() -> None:
    target = {"db.system.name": "mysql"}
    query = Query(target=target, statement="SELECT a FROM t")
    query.translate()[1]["extra"] = 1
    assert "extra" not in query.translate()[1]
    assert target == {"db.system.name": "mysql"}


def test_the_error_is_its_type() -> None:
    assert FunctionCall(name="a", error="KeyError").translate()[1]["error.type"] == "KeyError"
    assert "error.type" not in FunctionCall(name="a").translate()[1]


def test_osprofilers_name_and_info_are_kept_and_redacted() -> None:
    point = FunctionCall(
        name="a", origin=("driver", (("n", 1), ("on", True), ("admin_pass", "x"), ("t", "token=y")))
    )
    assert point.translate()[1] == {
        "osprofiler.name": "driver",
        "osprofiler.info.n": 1,
        "osprofiler.info.on": True,
        "osprofiler.info.admin_pass": "REDACTED",
        "osprofiler.info.t": "token=REDACTED",
    }


def test_a_point_that_cannot_be_described_still_makes_a_span() -> None:
    class Broken(Point):
        __slots__ = ()
        fallback = "broken"

        def describe(self) -> tuple[str, dict[str, object]]:
            raise RuntimeError

    assert Broken(error="E").translate() == ("broken", {"error.type": "E"})


def test_the_repr_shows_nothing_of_what_was_captured() -> None:
    assert "secret" not in repr(ServerRequest(query="token=secret"))


def test_captured_texts_are_bounded() -> None:
    assert captured("x" * (CAPTURE_LIMIT + 1)) == "x" * CAPTURE_LIMIT
    assert captured(3) is None
    assert (
        len(FunctionCall(name="a", args="x" * 100_000).translate()[1]["osprofiler.function.args"])
        <= DETAIL_LIMIT
    )


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1),
        ("8774", 8774),
        ("-1", None),
        ("٣", None),
        ("", None),
        (None, None),
        (True, None),
        (1.5, None),
        ("9" * 99, None),
    ],
)
def test_numbers_are_taken_from_numbers_and_digits(value: object, number: int | None) -> None:
    assert number_of(value) == number
