"""wire/keys.py: what signs, and shows itself nowhere."""

import hashlib
import hmac
import pickle

import pytest

from otel_bridge.wire.keys import NO_KEY, Key
from otel_bridge.wire.signing import KeyRing


@pytest.mark.parametrize(("algorithm", "digest"), [("sha1", hashlib.sha1), ("sha256", hashlib.sha256)])
@pytest.mark.parametrize("text", ["k", "k" * 64, "k" * 200, "\u00e9\udcff"])
def test_it_signs_as_rfc_2104_says(algorithm, digest, text):
    expected = hmac.new(text.encode("utf-8", "surrogateescape"), b"data", digest).hexdigest()
    assert Key(text, algorithm).sign(b"data") == expected


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_it_verifies_both_algorithms_and_nothing_else(algorithm):
    mac = Key("key", algorithm).sign(b"data")
    key = Key("key")
    assert key.verifies(b"data", mac)
    assert not key.verifies(b"other", mac)
    assert not Key("other").verifies(b"data", mac)
    for wrong in ("", mac[:-1], mac + "0", mac.upper(), "\u00e9" * len(mac)):
        assert not key.verifies(b"data", wrong)


def test_keys_are_equal_by_their_text_whatever_bytes_they_are():
    assert Key("\udcff") == Key("\udcff", "sha256")
    assert Key("\udcff") != Key("a")


def test_no_key_is_false_and_secret_of_nothing():
    assert not NO_KEY
    assert Key("key")
    assert NO_KEY.reveal() == ""
    assert Key("none") != NO_KEY
    assert KeyRing([NO_KEY]).find("none") is None


def test_a_key_is_not_shown():
    assert "top-secret" not in repr(Key("top-secret")) + str(Key("top-secret"))
    with pytest.raises(TypeError):
        pickle.dumps(Key("top-secret"))
