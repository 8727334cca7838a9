"""wire/ids.py: OSProfiler's ids and OpenTelemetry's agree, in both directions and in every process."""

import subprocess
import sys
import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from osprofiler import _utils as upstream

from otel_bridge.wire import ids

uuids = st.uuids().map(str)
spellings = st.sampled_from(
    [str, lambda u: u.hex, lambda u: str(u).upper(), lambda u: "{" + str(u) + "}", lambda u: f"urn:uuid:{u}"]
)


@given(uuids)
def test_a_trace_id_is_what_osprofilers_drivers_make_of_a_base_id(base_id):
    assert ids.trace_id(base_id) == upstream.uuid_to_int128(base_id)


@given(uuids)
def test_a_span_id_is_what_osprofilers_drivers_make_of_a_point_id(point_id):
    assert ids.span_id(point_id) == upstream.shorten_id(point_id)


@given(st.uuids(), spellings)
def test_every_spelling_that_uuid_takes_means_the_same_id(value, spell):
    assert ids.trace_id(spell(value)) == value.int


@given(st.integers(1, 2**128 - 1))
def test_a_trace_id_survives_the_way_there_and_back(trace_id):
    assert ids.trace_id(ids.base_id(trace_id)) == trace_id


@given(st.integers(1, 2**64 - 1))
def test_a_span_id_survives_the_way_there_and_back(span_id):
    assert ids.span_id(ids.point_id(span_id)) == span_id == upstream.shorten_id(ids.point_id(span_id))


@given(st.integers(0, 2**128 - 1))
def test_a_base_id_is_written_as_uuid_writes_it(value):
    assert ids.base_id(value) == str(uuid.UUID(int=value))


@given(st.text())
def test_any_text_has_an_id_of_its_bits(text):
    assert 0 <= ids.trace_id(text) < 2**128
    assert ids.span_id(text) == ids.trace_id(text) & ids.SPAN_ID_MASK


def test_a_base_id_that_is_no_uuid_maps_the_same_in_every_process():
    names = ["my-trace", "boot-é", "", "0"]
    program = f"from otel_bridge.wire import ids\nfor name in {names!r}: print(ids.trace_id(name))"
    other = subprocess.run(
        [sys.executable, "-R", "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert [int(line) for line in other.stdout.split()] == [ids.trace_id(name) for name in names]


@given(st.text(max_size=40), st.text(max_size=40))
def test_different_names_have_different_ids(one, other):
    def is_uuid(text):
        try:
            return bool(uuid.UUID(text))
        except ValueError:
            return False

    if one != other and not is_uuid(one) and not is_uuid(other):
        assert ids.trace_id(one) != ids.trace_id(other)


@pytest.mark.parametrize("parent", [None, "", "same"])
def test_no_parent_or_the_base_id_as_parent_is_a_root(parent):
    base = str(uuid.uuid4())
    assert ids.parent_span_id(base, base if parent == "same" else parent) == 0


def test_a_parent_that_spells_the_base_id_otherwise_is_a_root_too():
    base = uuid.uuid4()
    assert ids.parent_span_id(str(base), base.hex.upper()) == 0


@given(uuids, uuids)
def test_any_other_parent_is_its_low_half(base, parent):
    if base != parent:
        assert ids.parent_span_id(base, parent) == upstream.shorten_id(parent)


@given(st.integers(1, 2**128 - 1))
@example(1 << 64)
def test_what_stands_in_for_no_span_is_a_valid_id_and_no_parent(trace_id):
    stand_in = ids.stand_in(trace_id)
    assert 0 < stand_in < 2**64
    for base in (None, "as it came"):
        for span_id in (0, stand_in):
            assert ids.parent_id(trace_id, span_id, base) == (base or ids.base_id(trace_id))


@given(st.integers(1, 2**128 - 1), st.integers(0, 2**64 - 1))
def test_a_parent_survives_the_way_there_and_back(trace_id, span_id):
    expected = 0 if span_id == ids.stand_in(trace_id) else span_id
    assert ids.parent_span_id(ids.base_id(trace_id), ids.parent_id(trace_id, span_id)) == expected


@given(st.integers(1, 2**128 - 1))
def test_a_traceparent_begins_with_its_trace(trace_id):
    assert ids.traceparent_begin(trace_id).split("-") == ["00", ids.format_trace_id(trace_id), ""]


@given(st.integers(1, 2**128 - 1), st.booleans(), st.booleans())
def test_people_may_type_a_uuid_or_hex_digits_in_any_case(value, dashes, upper):
    text = ids.base_id(value) if dashes else ids.format_trace_id(value)
    assert ids.parse_trace_id(f" {text.upper() if upper else text}\n") == value


@pytest.mark.parametrize("text", ["", "x", "0" * 32, "12" * 17, "12" * 15, "g" * 32, "--", "1_" * 16])
def test_what_is_no_trace_id_is_refused_with_a_reason(text):
    with pytest.raises(ValueError, match="trace"):
        ids.parse_trace_id(text)


def test_ids_are_shown_with_all_their_digits():
    assert ids.format_trace_id(1) == "0" * 31 + "1"
    assert ids.format_span_id(1) == "0" * 15 + "1"


def test_new_base_ids_are_random_uuids():
    one, other = ids.new_base_id(), ids.new_base_id()
    assert one != other
    assert uuid.UUID(one).version == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5e57c0de-0000-4000-8000-000000000001", True),
        ("5E57C0DE000040008000000000000001", True),
        ("{5e57c0de-0000-4000-8000-000000000001}", True),
        ("5e57c0de", False),
        ("a trace of mine", False),
        ("", False),
    ],
)
def test_a_uuid_is_known_in_any_spelling(text: str, expected: bool) -> None:
    assert ids.is_uuid(text) is expected
