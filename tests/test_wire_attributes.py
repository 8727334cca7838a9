"""wire/attributes.py: attributes are remembered within a budget, and what is remembered is right."""

import gc
import tracemalloc
import weakref

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common._internal import _encode_attributes
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from otel_bridge.wire.attributes import AttributeEncoder, Budget

#: Values that are equal, or hash alike, and must not be taken for each other.
LOOKALIKES = [
    0,
    False,
    0.0,
    -0.0,
    1,
    True,
    1.0,
    -1,
    -1.0,
    -2,
    "",
    "1",
    b"",
    b"1",
    None,
    (),
    [],
    {},
    (1,),
    (True,),
]


def attributes_of(encoder, attributes):
    return list(Span.FromString(encoder.encode(attributes, b"\x4a")).attributes)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("abc"), st.sampled_from(LOOKALIKES) | st.text(max_size=3), max_size=3
        ),
        max_size=30,
    ),
    st.sampled_from([0, 1500, 1 << 20]),
)
def test_values_that_look_alike_are_told_apart_however_often_and_in_whatever_order(dicts, size):
    encoder = AttributeEncoder(Budget(size))
    for attributes in dicts:
        written = Span.FromString(encoder.encode(attributes, b"\x4a")).SerializeToString()
        assert written == Span(attributes=_encode_attributes(attributes)).SerializeToString()


@pytest.mark.parametrize(
    "length", [0, 1, 63, 64, 124, 125, 126, 127, 128, 511, 512, 513, 16383, 16384, 20000]
)
@pytest.mark.parametrize("char", ["a", "é", "\U0001f600"])
def test_strings_and_keys_of_every_length_class_are_written_whole(length, char):
    encoder = AttributeEncoder(Budget())
    text = char * length
    for _ in range(2):
        (read,) = attributes_of(encoder, {text: text})
        assert (read.key, read.value.string_value) == (text, text)


class StrLike(str):
    __slots__ = ()


class Unhashable(type):
    __hash__ = None


class OfUnhashableType(metaclass=Unhashable):
    pass


class Oddities:
    """A mapping no dict can be."""

    def __bool__(self):
        return True

    def items(self):
        yield [], 1
        yield "good", 2
        raise RuntimeError


@pytest.mark.parametrize(
    ("attributes", "keys"),
    [
        ({1: "int", None: "none", (1,): "tuple", "\ud800": "surrogate", StrLike("s"): StrLike("v")}, 5),
        ({"unhashable type": OfUnhashableType(), "good": 1}, 2),
        (Oddities(), 2),
        (5, 0),
        (None, 0),
    ],
)
def test_odd_keys_classes_and_mappings_cost_at_most_themselves(attributes, keys):
    assert len(attributes_of(AttributeEncoder(Budget()), attributes)) == keys


def test_keys_that_are_no_strings_are_written_as_text_and_not_mixed_up():
    encoder = AttributeEncoder(Budget())
    read = [attributes_of(encoder, {key: "v"})[0].key for key in (1, True, 1.0, None, "1")]
    assert read == ["1", "True", "1.0", "None", "1"]


def test_redacted_values_are_masked_whatever_their_class_and_place():
    encoder = AttributeEncoder(Budget(), redact_key=lambda key: "secret" in key)
    hidden = "hunter2"
    attributes = {
        f"secret{i}": value for i, value in enumerate([hidden, hidden.encode(), [hidden], 5, 1.5, None])
    }
    attributes |= {"map": {"secret": {"deep": hidden}, "open": "shown"}}
    for _ in range(2):
        written = encoder.encode(attributes, b"\x4a")
        assert hidden.encode() not in written
        read = Span.FromString(written).attributes
        assert [one.value.string_value for one in read[:6]] == ["***"] * 6
        assert [one.value.string_value for one in read[6].value.kvlist_value.values] == ["***", "shown"]


def test_redaction_is_decided_once_per_key_and_not_per_value():
    asked = []
    encoder = AttributeEncoder(Budget(), redact_key=lambda key: asked.append(key) or key == "secret")
    for i in range(50):
        encoder.encode({"secret": f"v{i}", "open": f"v{i}", "n": i}, b"\x4a")
        encoder.encode({"secret": i, "open": 0.5, "n": [i]}, b"\x4a")
    assert sorted(asked) == ["n", "open", "secret"]


def test_a_redaction_that_raises_hides_the_value():
    def fail(key):
        raise RuntimeError

    (read,) = attributes_of(AttributeEncoder(Budget(), redact_key=fail), {"k": "v"})
    assert read.value.string_value == "***"


def test_the_length_limit_holds_for_remembered_values():
    encoder = AttributeEncoder(Budget(), attribute_length=4)
    for text in ("abcdef", "abcdef", "abcd", "éééééé", "x" * 9000):
        (read,) = attributes_of(encoder, {"k": text})
        assert read.value.string_value == text[:4]


def test_a_spent_budget_empties_all_its_caches():
    budget, one, two = Budget(10), {1: 1}, {2: 2}
    budget.share(one, two)
    assert budget.spend(10)
    assert one
    assert two
    assert not budget.spend(1)
    assert not one
    assert not two
    assert budget.spend(10)


@pytest.mark.parametrize(
    "attributes",
    [
        lambda i: {f"key{i}": "v"},
        lambda i: {f"key{i}": i},
        lambda i: {"k": f"value{i}"},
        lambda i: {"k": f"{i}\U0001f600" * 20},
        lambda i: {"k": i},
        lambda i: {"k": float(i)},
        lambda i: {f"key{i % 100}": f"value{i}"},
        lambda i: {f"key{i}" * 200: f"value{i}" * 200},
        lambda i: {i: i},
        lambda i: {"k": {f"key{i}": i}},
    ],
    ids=[
        "keys",
        "keys of ints",
        "strings",
        "wide",
        "ints",
        "floats",
        "both",
        "long",
        "int keys",
        "maps",
    ],
)
def test_memory_stays_within_the_budget_when_nothing_repeats(attributes):
    size = 100_000
    encoder = AttributeEncoder(Budget(size))
    encoder.encode({"warm": "up", "n": 1}, b"\x4a")
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        highest = 0
        for i in range(3000):
            encoder.encode(attributes(i), b"\x4a")
            if i % 50 == 0:
                highest = max(highest, tracemalloc.get_traced_memory()[0])
        assert highest - before < size * 1.2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("make", [str, int], ids=["strings", "ints"])
def test_a_key_whose_values_never_repeat_takes_little_of_the_budget(make):
    encoder = AttributeEncoder(Budget(100 << 20))
    tracemalloc.start()
    try:
        for i in range(5000):
            encoder.encode({"k": make(10**12 + i)}, b"\x4a")
        assert tracemalloc.get_traced_memory()[0] < 200_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("base", [str, int, object])
def test_the_class_of_a_value_is_not_kept_alive(base):
    encoder = AttributeEncoder(Budget())
    kind = type("Passing", (base,), {})
    encoder.encode({"k": kind(), kind(): "v"}, b"\x4a")
    known = weakref.ref(kind)
    del kind
    gc.collect()
    assert known() is None
