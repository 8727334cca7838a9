"""cli/check_clock.py: what a Date header tells about two clocks."""

from __future__ import annotations

import ssl
from email.utils import formatdate
from pathlib import Path
from time import time

import loopback
import pytest
from checking import authority_file, blunt_server, lines, server_context
from http_origins import unused_port
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.cli import check_clock
from otel_bridge.cli.check_clock import Skew, ask, finding, skew
from otel_bridge.cli.check_endpoint import Reply
from otel_bridge.stores.address import Address

NOW = 1_700_000_000.25


def reply(date: str | None, took: float = 0.5) -> Reply:
    return Reply(200, {} if date is None else {"date": date}, b"", NOW, NOW + took)


@given(st.floats(-1e6, 1e6), st.floats(0, 5), st.floats(0, 1))
def test_the_true_difference_lies_between_the_limits(ahead: float, took: float, share: float) -> None:
    said = int(NOW + took * share + ahead)  # when the server wrote its answer, by its own clock
    found = skew(formatdate(said, usegmt=True), NOW, NOW + took)
    assert found is not None
    assert found.least - 0.001 <= ahead <= found.most + 0.001
    assert found.most - found.least == pytest.approx(1 + took)


@pytest.mark.parametrize("date", [None, "", "now", "Mon, 99 Jan 2024 00:00:00 GMT", "1700000000", "\ud800"])
def test_what_is_no_date(date: str | None) -> None:
    assert skew(date, NOW, NOW) is None
    assert lines(finding("x", reply(date))) == []


def test_a_date_without_a_zone_is_one_of_greenwich() -> None:
    assert skew("Tue, 14 Nov 2023 22:13:20 -0000", NOW, NOW) == Skew(-0.25, 0.75)


@pytest.mark.parametrize(
    ("ahead", "level", "said"),
    [
        (0, "ok", "that of the endpoint agrees with this host's, as far as whole seconds tell"),
        (2, "ok", "agrees"),
        (-2, "ok", "agrees"),
        (5, "note", "that of the endpoint is at least 4 s ahead of this host's: one of them is wrong"),
        (-5, "note", "that of the endpoint is at least 4 s behind this host's"),
        (3600, "note", "is at least 60 min ahead of this host's"),
    ],
)
def test_how_it_is_told(ahead: int, level: str, said: str) -> None:
    [found] = finding("the endpoint", reply(formatdate(int(NOW) + ahead, usegmt=True)))
    assert (found.level, said in found.text) == (level, True), found


def test_a_server_is_asked_without_credentials() -> None:
    with loopback.serving(lambda head: [loopback.answer("", Date=formatdate(usegmt=True))]) as server:
        found = ask(Address.parse(f"http://user:pa55word@{server.netloc}/base/"))
        [head] = server.heads
    assert found is not None
    assert abs(found.answered - time()) < 60
    assert head.startswith("HEAD /base HTTP/1.1\r\n")
    assert "authorization" not in head.lower()


def test_a_server_that_is_not_trusted_is_not_believed() -> None:
    with loopback.serving(lambda head: [loopback.answer("")], server_context("127.0.0.1")) as server:
        assert ask(Address.parse(f"https://{server.netloc}")) is None


def test_one_that_is_trusted(tmp_path: Path) -> None:
    context = ssl.create_default_context(cafile=authority_file(tmp_path))
    with loopback.serving(lambda head: [loopback.answer("")], server_context("127.0.0.1")) as server:
        assert ask(Address.parse(f"https://{server.netloc}"), context) is not None


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0\r\n", None])
def test_what_does_not_answer_tells_nothing(answer: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_clock, "TIMEOUT", 0.3)
    with blunt_server(answer) as port:
        assert ask(Address.parse(f"http://127.0.0.1:{port}")) is None


def test_nobody_listens() -> None:
    assert ask(Address.parse(f"http://127.0.0.1:{unused_port()}")) is None
