"""gate.py: the one switch and key ring of a process."""

import pytest

from otel_bridge import gate, log
from otel_bridge.policy import Policy
from otel_bridge.wire import freshness, signing
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
    ("state", "text", "admitted", "counted"),
    [
        (None, "any", True, 0),
        (None, "", False, 0),
        (COMMON, "common", True, 0),
        (COMMON, "any", False, 1),
        (False, "any", False, 0),
    ],
)
def test_a_key_named_in_clear_is_one_of_the_processs_own(state, text, admitted, counted):
    before = gate.refused.value()
    if state is False:
        gate.disable()
    elif state is not None:
        gate.enable(state)
    found = gate.key_for(text)
    assert (found is not None and found.reveal() == text) == admitted
    assert gate.refused.value() == before + counted


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


def test_keys_of_a_file_come_first_and_stay_whatever_the_service_enables():
    gate.use_file(KeyRing.parse("file"))
    gate.enable(COMMON)
    assert [key.reveal() for key in gate.keys(OWN).keys] == ["file", "common"]
    gate.enable(KeyRing())
    assert [key.reveal() for key in gate.keys(OWN).keys] == ["file"]
    gate.disable()
    assert gate.keys(OWN) is None


@pytest.mark.parametrize(
    ("state", "own", "found"),
    [(COMMON, OWN, "common"), (KeyRing(), OWN, "own"), (KeyRing(), None, ""), (None, OWN, "own")],
)
def test_what_a_trace_that_begins_here_is_signed_with(state, own, found):
    if state is not None:
        gate.enable(state)
    assert gate.first_key(own).reveal() == found


def test_nothing_begins_where_nothing_is_traced():
    assert gate.first_key(None) is None
    gate.enable(COMMON)
    gate.disable()
    assert gate.first_key(OWN) is None


def test_a_policy_is_swapped_in_the_list_that_everybody_holds():
    held = gate.unsigned
    gate.decide(Policy(0.5))
    assert held == [Policy(0.5)]
    gate.decide(Policy())
    assert held == []
    gate.decide(Policy(0.0))
    gate.reset()
    assert held == []


def test_files_are_looked_after_once_a_second_and_only_when_something_comes_in(monkeypatch):
    now, looks = [100.0], []
    monkeypatch.setattr(gate, "monotonic", lambda: now[0])
    gate.enable(COMMON)
    gate.look_after(lambda: looks.append("keys"), lambda: looks.append("policy"))
    gate.keys()
    assert looks == [], "they have only just been read"
    now[0] += 1
    gate.key_for("common")
    assert looks == ["keys", "policy"]
    gate.keys()
    gate.first_key()
    assert looks == ["keys", "policy"]
    now[0] += 1
    gate.first_key()
    assert len(looks) == 4


def test_a_look_that_fails_costs_nobody_anything(monkeypatch, caplog):
    def fail():
        raise OSError("s3cr3t")

    looks = []
    monkeypatch.setattr(gate, "LOOK_INTERVAL", 0)
    gate.enable(COMMON)
    gate.look_after(fail, lambda: looks.append(1))
    assert gate.keys() is COMMON
    assert looks == [1]
    assert "OSError" in caplog.text
    assert "s3cr3t" not in caplog.text


def test_a_look_that_hangs_holds_up_nobody_else(monkeypatch):
    """The file of keys may be on a network file system."""
    now, looks = [100.0], []

    def hang():
        looks.append(1)
        if len(looks) == 1:
            now[0] += 30
            gate.keys()  # of another thread's request

    monkeypatch.setattr(gate, "monotonic", lambda: now[0])
    gate.enable(COMMON)
    gate.look_after(hang)
    now[0] += 1
    gate.keys()
    assert len(looks) == 1
    now[0] += 1
    gate.keys()
    assert len(looks) == 2


def test_without_a_window_everything_is_fresh():
    assert gate.is_fresh("info", "mac", "", COMMON.keys[0])
    gate.require_fresh(0)
    assert gate.window is None


def test_what_is_not_fresh_is_counted(caplog, monkeypatch):
    monkeypatch.setattr(log, "_last", {})
    gate.require_fresh(60)
    before = gate.refused.value()
    assert not gate.is_fresh("info", "mac", "", COMMON.keys[0])
    assert gate.refused.value() == before + 1
    assert "freshness_window" in caplog.text


def test_a_forked_child_remembers_from_its_own_beginning(monkeypatch):
    """What its parent, or a worker before it, has seen it cannot know."""
    now = [1000.0]
    monkeypatch.setattr(gate, "time", lambda: now[0])
    gate.require_fresh(60)
    key = COMMON.keys[0]
    pair = signing.pack("0af76519-16cd-43dd-8448-eb211c80319c", "", key)
    stamps = [freshness.stamp(*pair, key, when, bytes(16)) for when in (1001.0, 1003.0)]
    now[0] = 1002.0
    gate._begin_anew()
    assert [gate.is_fresh(*pair, stamp, key) for stamp in stamps] == [False, True]


def test_a_service_without_keys_takes_none_that_a_message_names():
    """It may have a policy for unsigned requests all the same; osprofiler.web.enable changes nothing."""
    gate.enable(KeyRing(), strict=True)
    gate.enable(KeyRing())
    before = gate.refused.value()
    assert gate.key_for("any") is None
    assert gate.refused.value() == before + 1
    gate.enable(COMMON)
    assert gate.key_for("common") is not None
    assert gate.refused.value() == before + 1
