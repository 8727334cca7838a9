"""wire/signing.py: what osprofiler signs we verify, what we sign it verifies, and nothing else passes."""

import base64
import hashlib
import hmac
import json
import pickle
import uuid

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from osprofiler import _utils as upstream

from otel_bridge.wire import ids, signing
from otel_bridge.wire.signing import Key, KeyRing, TraceInfo

uuids = st.uuids().map(str)
secrets = st.text(st.characters(exclude_categories=("Cs",), exclude_characters=","), min_size=1).filter(
    str.strip
)
BASE, PARENT = str(uuid.uuid4()), str(uuid.uuid4())


def signed(content, key="key", digest=hashlib.sha1):
    raw = base64.urlsafe_b64encode(content if isinstance(content, bytes) else json.dumps(content).encode())
    return raw.decode(), hmac.new(key.encode(), raw, digest).hexdigest()


@given(uuids, uuids, secrets)
def test_what_osprofiler_signs_is_understood(base_id, parent_id, secret):
    packed, mac = upstream.signed_pack({"base_id": base_id, "parent_id": parent_id}, secret.strip())
    info = KeyRing.parse([secret]).verify(packed.decode(), mac)
    assert info is not None
    assert info.trace_id == upstream.uuid_to_int128(base_id)
    assert info.parent_span_id == (0 if base_id == parent_id else upstream.shorten_id(parent_id))
    assert info.key.reveal() == secret.strip()


@given(uuids, uuids, secrets)
def test_what_we_sign_osprofiler_understands(base_id, parent_id, secret):
    packed, mac = signing.pack(base_id, parent_id, Key(secret))
    assert upstream.signed_unpack(packed, mac, [secret]) == {
        "base_id": base_id,
        "parent_id": parent_id,
        "hmac_key": secret,
    }


@given(st.text(min_size=1), st.text(min_size=1), secrets)
def test_ids_of_any_spelling_are_packed_as_osprofiler_packs_them(base_id, parent_id, secret):
    theirs, mac = upstream.signed_pack({"base_id": base_id, "parent_id": parent_id}, secret)
    assert signing.pack(base_id, parent_id, Key(secret)) == (theirs.decode(), mac)


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), secrets)
@example(1 << 64, 1, "key")
def test_opentelemetry_ids_are_packed_as_their_uuids(trace_id, span_id, secret):
    expected = ids.base_id(trace_id) if span_id == ids.stand_in(trace_id) else ids.point_id(span_id)
    theirs, mac = upstream.signed_pack({"base_id": ids.base_id(trace_id), "parent_id": expected}, secret)
    assert signing.pack_ids(trace_id, span_id, Key(secret)) == (theirs.decode(), mac)


@given(uuids, uuids)
def test_opentelemetry_ids_survive_the_wire(base_id, parent_id):
    key = Key("k")
    info = KeyRing([key]).verify(*signing.pack_ids(ids.trace_id(base_id), ids.span_id(parent_id), key))
    assert (info.trace_id, info.parent_span_id) == (ids.trace_id(base_id), ids.span_id(parent_id))
    assert info.base_id is None


def test_without_a_span_the_parent_is_the_trace():
    key = Key("k")
    packed, mac = signing.pack_ids(ids.trace_id(BASE), 0, key)
    assert json.loads(base64.urlsafe_b64decode(packed)) == {"base_id": BASE, "parent_id": BASE}
    assert KeyRing([key]).verify(packed, mac).parent_span_id == 0


def test_a_base_id_that_is_no_uuid_goes_on_as_it_came():
    ring = KeyRing.parse("key")
    info = ring.verify(*signed({"base_id": "my trace", "parent_id": PARENT}))
    assert info.base_id == "my trace"
    packed, _mac = signing.pack_ids(info.trace_id, 7, info.key, info.base_id)
    assert json.loads(base64.urlsafe_b64decode(packed)) == {
        "base_id": "my trace",
        "parent_id": ids.point_id(7),
    }


@pytest.mark.parametrize("digest", [hashlib.sha1, hashlib.sha256])
def test_both_digests_are_verified(digest):
    assert KeyRing.parse("key").verify(*signed({"base_id": BASE}, digest=digest)).trace_id == ids.trace_id(
        BASE
    )


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@given(secrets, st.binary(max_size=300))
def test_a_digest_is_the_standard_librarys(algorithm, secret, data):
    assert Key(secret, algorithm).sign(data) == hmac.new(secret.encode(), data, algorithm).hexdigest()


def test_the_parent_may_be_missing():
    assert KeyRing.parse("key").verify(*signed({"base_id": BASE})).parent_span_id == 0


def test_white_space_around_the_signature_is_tolerated_as_by_osprofiler():
    packed, mac = signed({"base_id": BASE})
    assert KeyRing.parse("key").verify(packed, f" {mac} ") is not None


@given(st.text(min_size=1), st.none() | st.text())
def test_osprofilers_ids_mean_the_same_signed_or_not(base_id, parent_id):
    key = Key("key")
    found = TraceInfo.of(base_id, parent_id, key)
    assert found == KeyRing([key]).verify(*signed({"base_id": base_id, "parent_id": parent_id}))
    assert (found.trace_id, found.parent_span_id) == (
        ids.trace_id(base_id),
        ids.parent_span_id(base_id, parent_id),
    )
    assert (found.base_id or ids.base_id(found.trace_id)) == base_id


def test_the_nil_uuid_names_no_trace():
    assert TraceInfo.of(str(uuid.UUID(int=0)), None, Key("key")) is None


GOOD = {"base_id": BASE, "parent_id": PARENT}
REFUSED = {
    "extra key": signed({**GOOD, "x": 1}),
    "the key itself inside": signed({**GOOD, "hmac_key": "key"}),
    "no base_id": signed({"parent_id": PARENT}),
    "base_id of zeros": signed({"base_id": "0" * 32}),
    "base_id empty": signed({"base_id": ""}),
    "base_id a number": signed({"base_id": 5}),
    "base_id null": signed({"base_id": None}),
    "parent_id a list": signed({"base_id": BASE, "parent_id": [PARENT]}),
    "a list": signed([GOOD]),
    "a string": signed("base_id"),
    "trailing text": signed(json.dumps(GOOD).encode() + b" x"),
    "two objects": signed(json.dumps(GOOD).encode() * 2),
    "not JSON": signed(b"\xff\xfe"),
    "nothing": signed(b""),
    "a JSON bomb": signed(b"[" * 2000),
    "oversized": signed({"base_id": BASE, "parent_id": "x" * 4096}),
    "not base64": ("%%%", hmac.new(b"key", b"%%%", hashlib.sha1).hexdigest()),
    "another key": signed(GOOD, "other"),
    "a longer key": signed(GOOD, "keys"),
    "no signature": (signed(GOOD)[0], ""),
    "half a signature": (signed(GOOD)[0], signed(GOOD)[1][:20]),
    "signature in capitals": (signed(GOOD)[0], signed(GOOD)[1].upper()),
    "signature not ASCII": (signed(GOOD)[0], "é" * 40),
    "info not latin-1": ("€", "0" * 40),
    "info changed": (signed(GOOD)[0].replace("e", "f", 1), signed(GOOD)[1]),
    "sha256 of another": (signed(GOOD)[0], signed(GOOD, "other", hashlib.sha256)[1]),
}


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED)
def test_refused(headers):
    assert KeyRing.parse("key").verify(*headers) is None


@given(st.text(max_size=5000), st.text(max_size=100))
def test_no_text_raises_or_passes(info, mac):
    assert KeyRing.parse("key, other").verify(info, mac) is None


@given(st.binary(max_size=600))
def test_signed_garbage_never_raises(content):
    info = KeyRing.parse("key").verify(*signed(content))
    assert info is None or info.trace_id


@pytest.mark.parametrize("value", [None, 5, b"x", ["x"], {}])
def test_what_is_no_text_is_refused(value):
    packed, mac = signed(GOOD)
    assert KeyRing.parse("key").verify(value, mac) is None
    assert KeyRing.parse("key").verify(packed, value) is None


@pytest.mark.parametrize(
    ("text", "count"),
    [("a", 1), ("a,b", 2), (" a , ,b,", 2), ("", 0), (",,", 0), (None, 0), (["a", " b "], 2), (["", " "], 0)],
)
def test_keys_are_split_stripped_and_empty_ones_dropped(text, count):
    ring = KeyRing.parse(text)
    assert len(ring) == count
    assert bool(ring) == bool(count)


def test_the_key_that_verified_is_the_one_that_signs_on():
    info = KeyRing.parse("old,new").verify(*signed(GOOD, "new"))
    assert info.key.reveal() == "new"


def test_find_gives_the_ring_s_own_key():
    ring = KeyRing.parse("a,b")
    assert ring.find("b") is ring.keys[1]
    assert ring.find("c") is None
    assert ring.find(None) is None


def test_a_key_shows_itself_nowhere():
    ring = KeyRing.parse("top-secret")
    info = ring.verify(*signed(GOOD, "top-secret"))
    for shown in (repr(ring), str(ring), repr(ring.keys), str(ring.keys[0]), repr(info), f"{info}"):
        assert "top-secret" not in shown


def test_a_key_is_not_pickled():
    with pytest.raises(TypeError):
        pickle.dumps(Key("k"))


@pytest.mark.parametrize(("text", "algorithm"), [("", "sha1"), ("k", "md5")])
def test_a_key_that_cannot_be_is_refused(text, algorithm):
    with pytest.raises(ValueError):
        Key(text, algorithm)


EXPLAINED = {
    "valid": (signed(GOOD), "valid"),
    "missing": ((None, None), "missing"),
    "other key": (signed(GOOD, "other"), "a key that this service does not have"),
    "extra keys": (signed({**GOOD, "x": 1}, "other"), "'x'"),
    "no base64": (("%%%", "0" * 40), "base64"),
    "odd signature": ((signed(GOOD)[0], "abc"), "40 digits"),
    "no base_id": (signed({}, "other"), "no base_id"),
    "too long": (("x" * 5000, "0" * 40), "longer"),
}


@pytest.mark.parametrize(("headers", "said"), EXPLAINED.values(), ids=EXPLAINED)
def test_a_refusal_can_be_explained(headers, said):
    assert said in signing.explain(*headers, KeyRing.parse("key"))


def test_a_service_without_keys_is_told_so():
    assert "hmac_keys" in signing.explain(*signed(GOOD), KeyRing())


@example(44, ord(">"))  # its base64 has a character of the URL-safe alphabet
@settings(max_examples=1000)
@given(st.integers(0, 103), st.sampled_from(b'0aAfgF-"{}:, \\\n\x00_') | st.integers(0, 127))
def test_whatever_the_shape_it_means_what_json_means(position, byte):
    """There is a fast way for what services write; it takes nothing that JSON would read otherwise."""
    text = bytearray(json.dumps(GOOD).encode())
    text[position] = byte
    info = KeyRing.parse("key").verify(*signed(bytes(text)))
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict) or set(content) - {"base_id", "parent_id"} or not content.get("base_id"):
        assert info is None
        return
    base_id, parent_id = content["base_id"], content.get("parent_id")
    assert (info.trace_id, info.parent_span_id) == (
        ids.trace_id(base_id),
        ids.parent_span_id(base_id, parent_id),
    )
    assert (info.base_id or ids.base_id(info.trace_id)) == base_id
