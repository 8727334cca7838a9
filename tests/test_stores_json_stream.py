"""JSON that comes in pieces."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.stores.json_stream import Ended, Reader

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
# How a text may be written: spaces and line ends between everything, characters escaped or not.
forms = st.builds(
    dict,
    ensure_ascii=st.booleans(),
    indent=st.sampled_from([None, 0, 2]),
    separators=st.sampled_from([None, (",", ":"), (" , ", "\t: ")]),
)


def pieces(raw, cuts):
    """``raw`` in pieces, cut at these places."""
    ends = sorted({cut % (len(raw) + 1) for cut in cuts})
    return [raw[start:end] for start, end in zip([0, *ends], [*ends, len(raw)], strict=True)]


def walk(reader):
    """The value, taken apart as far as it goes."""
    match reader.kind():
        case "{":
            return {name: walk(reader) for name in reader.names()}
        case "[":
            return [walk(reader) for _ in reader.elements()]
    return reader.value()


texts = st.builds(
    lambda value, form: json.dumps(value, **form).encode("utf-8", "replace"),
    values,
    forms,
)
cuts = st.lists(st.integers(0, 1 << 20), max_size=8)


@given(texts, cuts)
def test_a_value_is_what_json_makes_of_it(raw, cuts):
    """Property: however the text is cut, decoded at once or walked through."""
    for read in (Reader.value, walk):
        reader = Reader(pieces(raw, cuts))
        assert read(reader) == json.loads(raw)
        assert not reader.more()


@given(st.lists(texts, max_size=4), cuts)
def test_texts_may_follow_each_other(raws, cuts):
    """Property: lines of JSON, with or without an end of line between those that need none."""
    reader = Reader(pieces(b"\n".join(raws) + b"\r\n", cuts))
    found = []
    while reader.more():
        found.append(walk(reader))
    assert found == [json.loads(raw) for raw in raws]


@given(st.dictionaries(st.text(), values, max_size=5), cuts)
def test_what_is_not_asked_for_is_passed_over(value, cuts):
    """Property: of each second value only its name is read."""
    reader = Reader(pieces(json.dumps(value).encode("utf-8", "replace"), cuts))
    expected = json.loads(json.dumps(value).encode("utf-8", "replace"))
    found = {}
    for number, name in enumerate(reader.names()):
        if number % 2:
            found[name] = walk(reader)
    assert found == {name: expected[name] for name in list(expected)[1::2]}
    assert not reader.more()


@given(st.dictionaries(st.text(), values, min_size=1, max_size=4), st.integers(1, 1 << 20), cuts)
def test_what_ends_too_early_says_so(value, cut, cuts):
    """Property: an object that is cut off anywhere is never taken for a whole one."""
    raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    raw = raw[: 1 + cut % (len(raw) - 1)]
    for read in (Reader.value, walk):
        with pytest.raises(ValueError):
            read(Reader(pieces(raw, cuts)))


@given(st.binary(max_size=40), cuts)
def test_garbage_is_a_value_error_or_a_value(raw, cuts):
    reader = Reader(pieces(raw, cuts))
    try:
        while reader.more():
            walk(reader)
    except ValueError:
        pass


@pytest.mark.parametrize(
    "raw",
    [b"{", b'{"a"', b'{"a":', b'{"a":1', b'{"a":1,', b"[", b"[1", b"[1,", b'"abc', b"tru", b"-", b'"\\ud83d'],
)
def test_the_end_is_told_from_an_error(raw):
    for read in (Reader.value, walk):
        with pytest.raises(Ended, match="ends in the middle"):
            read(Reader([raw]))


@pytest.mark.parametrize(
    "raw",
    [
        b"{1: 2}" + b" " * 20,
        b'{"a" 1}' + b" " * 20,
        b'{"a": 1 "b": 2}' + b" " * 20,
        b"[1 2]" + b" " * 20,
        b"nothing" + b" " * 20,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 5000,
    ],
)
def test_what_is_no_json_is_not_waited_for(raw):
    """The error comes before the end of the text, which may be far away."""

    def endless():
        yield raw
        raise AssertionError("it went on reading")

    def to_the_end():
        yield raw

    for read in (Reader.value, walk):
        with pytest.raises((ValueError, RecursionError)) as caught:
            read(Reader(to_the_end() if set(raw) <= set(b'9[{":a') else endless()))
        assert not isinstance(caught.value, RecursionError) or read is walk


def test_a_byte_order_mark_is_passed_over():
    assert Reader([b"\xef\xbb", b"\xbf{}"]).value() == {}


def test_what_is_not_utf_8_becomes_visible():
    assert Reader([b'"a\xff', b'\xc3\xbc"']).value() == "a\ufffd\u00fc"


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'["\\ud800 alone"]', ["? alone"]),
        (b'{"\\uDC00": "\\ud83d\\ude00"}', {"?": "\U0001f600"}),
    ],
)
def test_values_hold_nothing_that_cannot_be_encoded(raw, value):
    assert Reader([raw]).value() == value


def test_long_values_are_read_in_linear_time():
    """Of a value in many pieces nothing is looked at again and again: a minute, if it were."""
    piece = b"x" * 4096
    value = Reader([b'"', *[piece] * 5000, b'"']).value()
    assert len(value) == 4096 * 5000


def test_a_value_has_an_end():
    with pytest.raises(ValueError, match="a value longer than 1000 characters"):
        Reader([b'"', *[b"x" * 100] * 100, b'"'], max_value=1000).value()


def test_only_the_text_of_one_value_is_kept():
    """The pieces are taken when they are needed, not before."""
    taken = []

    def slowly():
        for number in range(1000):
            taken.append(number)
            yield b'%s{"number": %d}' % (b"[" if number == 0 else b",", number)
        yield b"]"

    reader = Reader(slowly())
    for expected, _ in enumerate(reader.elements()):
        assert reader.value() == {"number": expected}
        assert len(taken) <= expected + 2


def test_nothing_is_no_value():
    reader = Reader([b"", b" \n"])
    assert not reader.more()
    for ask in (reader.kind, reader.value):
        with pytest.raises(Ended):
            ask()
