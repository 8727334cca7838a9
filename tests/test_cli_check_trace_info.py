"""cli/check_trace_info.py: what an X-Trace-Info header says."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.cli.check_trace_info import read
from otel_bridge.wire.signing import Key, KeyRing, pack

BASE = "0d06e2bc-1234-4678-90ab-cdef12345678"
PARENT = "00000000-0000-0000-1234-123456789abc"
INFO, _ = pack(BASE, PARENT, Key("k"))


def packed(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


def test_both_ids_in_both_spellings() -> None:
    found = read(INFO)
    assert (found.base_id, found.parent_id, found.complaint, found.remark) == (BASE, PARENT, "", "")
    assert found.described() == (
        f"base_id '{BASE}' (trace 0d06e2bc1234467890abcdef12345678), parent_id '{PARENT}' (span"
        " 1234123456789abc)"
    )
    assert found.as_json() == {
        "base_id": BASE,
        "parent_id": PARENT,
        "trace_id": "0d06e2bc1234467890abcdef12345678",
    }


@pytest.mark.parametrize(
    "content", [{"base_id": BASE, "parent_id": BASE}, {"base_id": BASE, "parent_id": None}]
)
def test_a_root(content: dict[str, object]) -> None:
    assert read(packed(content)).described().endswith("no span above: a root")


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ("", "it is empty"),
        ("A" * 5000, "it has 5000 characters, and no more than 4096 are looked at"),
        (f"{INFO},{INFO}", "it has several values, separated by commas"),
        (f"{INFO[:9]} {INFO[9:]}", "it has white space at character 10"),
        (
            INFO.replace("=", "%3D"),
            "it has '%' at character 140, which base64 does not have: has it been percent",
        ),
        (f"{INFO[:20]}é", r"it has '\xe9' at character 21"),
        ("x" * 40, "it is no base64 of JSON"),
        (INFO[:100], "it is cut off: the JSON in its 100 characters has no end (with two UUIDs it has 140)"),
        (INFO[:-1], "it lacks the = at its end"),
        (packed([1]), "it is JSON, but no object"),
        (packed({}), "it has no base_id"),
        (packed({"parent_id": BASE}), "it has no base_id"),
        (packed({"base_id": 7}), "its base_id is no text"),
        (packed({"base_id": ""}), "its base_id is no text"),
        (packed({"base_id": BASE, "parent_id": 7}), "its parent_id is no text"),
        (
            packed({"base_id": BASE, "hmac_key": "S3cret"}),
            "it holds an hmac_key, which belongs into no header",
        ),
        (packed({"base_id": BASE, "user": 1, "x": 2}), "it has keys that do not belong there: 'user', 'x'"),
        (packed({"base_id": "0" * 32}), "its base_id is all zeros"),
        (base64.b64encode(b'{"base_id": "a"} ').decode(), "it has white space around its JSON"),
        (base64.b64encode(b'{"base_id": nothing}').decode(), "something like JSON, but not of JSON"),
    ],
)
def test_what_is_wrong(info: str, said: str) -> None:
    found = read(info).complaint
    assert said in found
    assert "S3cret" not in found


def test_the_trace_of_a_header_that_is_cut_off() -> None:
    assert read(INFO[:90]).trace() == f"base_id '{BASE}' (trace 0d06e2bc1234467890abcdef12345678)"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"base_id": "abc", "parent_id": "abc"}, "its base_id is no UUID"),
        ({"base_id": BASE}, "it has no parent_id"),
    ],
)
def test_what_is_odd(content: dict[str, str], said: str) -> None:
    found = read(packed(content))
    assert found.complaint == ""
    assert said in found.remark


_texts = st.one_of(st.text(), st.just(BASE))
_contents = st.one_of(
    st.dictionaries(
        st.sampled_from(["base_id", "parent_id", "hmac_key"]), st.one_of(_texts, st.none(), st.integers())
    ),
    st.recursive(st.none() | st.text(), st.lists),
)


@given(
    st.one_of(
        st.text(),
        _contents.map(packed),
        st.binary().map(lambda raw: base64.b64encode(raw).decode()),
        st.integers(0, 140).map(lambda size: INFO[:size]),
    )
)
def test_what_is_not_complained_about_is_taken_by_services(info: str) -> None:
    found = read(info)
    if not found.complaint:
        key = Key("k")
        said = KeyRing([key]).verify(info, key.sign(info.encode("latin-1")))
        assert said is not None
        assert found.as_json()["trace_id"] == f"{said.trace_id:032x}"
