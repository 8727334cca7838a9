"""gate.py: the one switch and key ring of a process."""

import pytest

from otel_bridge import gate
from otel_bridge.wire.signing import KeyRing

OWN = KeyRing.parse("own")
COMMON = KeyRing.parse("common")


def test_until_somebody_decides_each_way_in_goes_by_its_own_keys():
    assert gate.keys(OWN) is OWN
    assert gate.keys(None) is None
    assert gate.keys(KeyRing()) is None


def test_the_keys_of_the_process_win():
    gate.enable(COMMON)
    assert gate.keys(OWN) is COMMON
    assert gate.keys(None) is COMMON


def test_enabled_without_keys_each_uses_its_own():
    gate.enable(KeyRing())
    assert gate.keys(OWN) is OWN
    assert gate.keys(None) is None


def test_disabled_means_nobody():
    gate.enable(COMMON)
    gate.disable()
    assert gate.keys(OWN) is None


@pytest.mark.parametrize(
    ("state", "text", "admitted"),
    [
        (None, "any", True),
        (None, "", False),
        (COMMON, "common", True),
        (COMMON, "any", False),
        (False, "any", False),
    ],
)
def test_a_key_named_in_clear_is_one_of_the_processs_own(state, text, admitted):
    if state is False:
        gate.disable()
    elif state is not None:
        gate.enable(state)
    found = gate.key_for(text)
    assert (found is not None and found.reveal() == text) == admitted


def test_refusals_are_counted():
    before = gate.refused.value()
    gate.count_refused()
    assert gate.refused.value() == before + 1


@pytest.mark.parametrize("text", ["\ud800", b"key", 5, ["key"], None])
@pytest.mark.parametrize("keys", [None, "key"])
def test_a_key_of_any_kind_is_a_key_or_none(text, keys):
    """key_for() is asked with what a message says."""
    if keys:
        gate.enable(KeyRing.parse(keys))
    assert gate.key_for(text) is None
