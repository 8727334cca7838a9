"""cli/check_signature.py: which key a signature was made with, or what is wrong with it."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.cli.check_signature import STRANGER, examine
from otel_bridge.wire.signing import Key, KeyRing, pack

BASE = "0d06e2bc-1234-4678-90ab-cdef12345678"
KEYS = KeyRing.parse("one, two, three")


def signed(key: str, algorithm: str = "sha1") -> tuple[str, str]:
    return pack(BASE, BASE, Key(key, algorithm))


@pytest.mark.parametrize(("key", "number"), [("one", 0), ("two", 1), ("three", 2)])
@pytest.mark.parametrize(("algorithm", "shown"), [("sha1", "SHA-1"), ("sha256", "SHA-256")])
def test_which_key_it_is(key: str, number: int, algorithm: str, shown: str) -> None:
    assert examine(*signed(key, algorithm), KEYS) == (number, "", shown)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("four", STRANGER),
        ("SECRET_KEY", "signed with SECRET_KEY, OSProfiler's default"),
        ('"two"', "signed with key 2 of 3 in quotation marks"),
        ("'two'", "signed with key 2 of 3 in quotation marks"),
        ("one\n", "signed with key 1 of 3 and a line end behind it"),
        ("one,two,three", "signed with the whole list of keys as if it were one"),
        ("one, two, three", "signed with the whole list of keys as if it were one"),
    ],
)
def test_another_key(key: str, said: str) -> None:
    found = examine(*signed(key), KEYS)
    assert found.key is None
    assert found.complaint.startswith(said)


def test_a_key_without_the_quotation_marks_that_the_service_has() -> None:
    found = examine(*signed("two"), KeyRing([Key("one"), Key('"two"')]))
    assert found.complaint.startswith("signed with key 2 of 2 without its quotation marks")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda info: f"{info[:50]}\t{info[50:]}", "it has white space in it"),
        (lambda info: info.rstrip("="), "the = at its end are others"),
        (lambda info: f"{info}==", "the = at its end are others"),
        (quote, "it has been percent-encoded"),
    ],
)
def test_trace_info_that_was_changed_on_the_way(change, said: str) -> None:
    info, mac = signed("two")  # whose base64 ends with one =
    assert examine(change(info), mac, KEYS).complaint == (
        f"signed with key 2 of 3, but X-Trace-Info was changed on the way: {said}"
    )


def test_the_other_alphabet_of_base64() -> None:
    info, mac = pack("?>?>~~~~", BASE, Key("two"))
    standard = info.replace("-", "+").replace("_", "/")
    assert standard != info
    assert "its + and / were - and _" in examine(standard, mac, KEYS).complaint


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda mac: "", "it is empty"),
        (lambda mac: f"{mac},{mac}", "it has several values"),
        (lambda mac: f"{mac[:9]} {mac[9:]}", "it has white space in it"),
        (lambda mac: "4tcLrmJ2dRsRkwOoNuPvWQ==", "it is not hexadecimal"),
        (str.upper, "its letters are capitals"),
        (lambda mac: mac[:30], "it is cut off: its 30 digits are the first of 40, by key 2"),
        (lambda mac: mac[:5], "it has 5 digits, and an HMAC has 40 (SHA-1) or 64 (SHA-256): cut off?"),
        (lambda mac: "a" * 32, "it has 32 digits (MD5)"),
        (lambda mac: "a" * 128, "it has 128 digits (SHA-512)"),
        (lambda mac: "a" * 40, STRANGER),
    ],
)
def test_an_hmac_that_is_none(change, said: str) -> None:
    info, mac = signed("two")
    found = examine(info, change(mac), KEYS)
    assert found.key is None
    assert found.complaint.startswith(said)


def test_a_long_hmac_that_is_cut_off() -> None:
    info, mac = signed("two", "sha256")
    assert examine(info, mac[:50], KEYS).complaint == (
        "it is cut off: its 50 digits are the first of 64, by key 2"
    )


def test_headers_that_were_exchanged() -> None:
    info, mac = signed("one")
    assert examine(mac, info, KEYS).complaint.endswith("have been exchanged")


def test_a_service_without_a_key() -> None:
    assert examine(*signed("one"), KeyRing()).complaint.startswith("this service has no HMAC key")
    assert "SECRET_KEY" in examine(*signed("SECRET_KEY"), KeyRing()).complaint


@given(st.text(), st.one_of(st.text(), st.text("0123456789abcdefABCDEF", max_size=70)))
def test_a_key_is_named_if_and_only_if_services_take_it(info: str, mac: str) -> None:
    found = examine(info, mac, KEYS)
    assert (found.key is None) == bool(found.complaint)
    assert found.key is None or KEYS.keys[found.key].verifies(info.encode("latin-1"), mac)
