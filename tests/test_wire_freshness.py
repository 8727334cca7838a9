"""wire/freshness.py: signed headers that are good for a short time, once."""

import base64
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.wire import freshness, signing
from otel_bridge.wire.freshness import Stamp, Window
from otel_bridge.wire.signing import Key, KeyRing

KEY = Key("key")
BASE = "0af76519-16cd-43dd-8448-eb211c80319c"
INFO, MAC = signing.pack(BASE, BASE, KEY)
NOW = 1_800_000_000.0
NONCE = bytes(range(16))


def stamp(now=NOW, nonce=NONCE, key=KEY, info=INFO, mac=MAC):
    return freshness.stamp(info, mac, key, now, nonce)


def refusal(header, window=None, now=NOW, key=KEY, info=INFO, mac=MAC):
    window = Window(60, 0) if window is None else window
    return window.refusal(info, mac, header, key, now)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_header_is_accepted_once(algorithm):
    key = Key("key", algorithm)
    window, header = Window(60, 0), stamp(key=key)
    assert refusal(header, window) is None
    assert "used before" in refusal(header, window)
    assert "used before" in refusal(header, window, now=NOW + 59)


def test_two_headers_for_the_same_request_are_two():
    window = Window(60, 0)
    assert refusal(stamp(nonce=bytes(16)), window) is None
    assert refusal(stamp(nonce=bytes(15) + b"\1"), window) is None


@pytest.mark.parametrize(
    ("late", "accepted"), [(-60.5, False), (-60, True), (0, True), (60, True), (60.5, False)]
)
def test_clocks_may_differ_by_the_window_either_way(late, accepted):
    assert (refusal(stamp(), now=NOW + late) is None) is accepted


def test_what_was_signed_before_the_process_began_may_have_been_seen_by_the_one_before():
    window = Window(60, NOW)
    assert "before" in refusal(stamp(NOW - 1), window)
    assert refusal(stamp(NOW + 0.001), window) is None


OTHER_INFO, OTHER_MAC = signing.pack(str(BASE).replace("0", "1"), BASE, KEY)


@pytest.mark.parametrize(
    "changed",
    [
        {"info": OTHER_INFO},
        {"mac": OTHER_MAC},
        {"key": Key("other")},
        {"header": stamp(NOW + 1)[:13] + stamp()[13:]},
        {"header": stamp()[:14] + bytes(16).hex() + stamp()[46:]},
    ],
    ids=["info", "hmac", "key", "time", "nonce"],
)
def test_it_is_signed_together_with_the_other_two(changed):
    assert "other headers" in refusal(**{"header": stamp(), **changed})


@pytest.mark.parametrize(
    "header",
    [
        " ",
        "1.2.3",
        "x" * 100_000,
        stamp().upper(),
        stamp() + "0",
        f"{stamp()}\n",
        stamp().replace(".", ","),
        stamp()[1:-1],
        "\u0661" + stamp()[1:],
    ],
)
def test_what_is_no_freshness_header_is_refused(header):
    assert refusal(header) == "its X-Trace-Freshness is malformed"


def test_a_request_without_the_header_is_refused():
    assert refusal("") == "it has no X-Trace-Freshness header"


@given(st.one_of(st.text(max_size=140), st.binary(max_size=20), st.none()))
def test_no_header_raises(header):
    assert freshness.read(header) is None
    assert refusal(header) is not None


@given(st.integers(0, 10**12), st.binary(min_size=16, max_size=16))
def test_what_is_written_is_read(milliseconds, nonce):
    found = freshness.read(stamp(milliseconds / 1000, nonce))
    assert isinstance(found, Stamp)
    assert abs(found.time - milliseconds) <= 1
    assert found.nonce == nonce.hex()


def test_a_full_memory_refuses_rather_than_forgets():
    window = Window(60, 0, capacity=3)
    headers = [stamp(nonce=bytes([number] * 16)) for number in range(4)]
    assert [refusal(header, window) for header in headers[:3]] == [None] * 3
    assert "more requests" in refusal(headers[3], window)
    later = NOW + 130
    assert refusal(stamp(later), window, later) is None, "what has expired makes room"


def test_what_is_forgotten_stays_refused_when_the_clock_is_set_back():
    window, header = Window(60, 0), stamp()
    assert refusal(header, window) is None
    assert refusal(stamp(NOW + 200), window, NOW + 200) is None
    assert refusal(header, window) is not None


def test_the_memory_is_bounded_in_time():
    window = Window(1, 0)
    for step in range(200):
        assert refusal(stamp(NOW + step, bytes([step] * 16)), window, NOW + step) is None
    assert sum(map(len, window._seen.values())) <= 4


def test_only_one_of_many_threads_is_first():
    window, header = Window(60, 0), stamp()
    found, gate = [], threading.Barrier(8)

    def use():
        gate.wait()
        for _ in range(200):
            found.append(refusal(header, window))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=use) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert found.count(None) == 1


def test_a_batch_that_another_thread_forgets_meanwhile_is_not_begun_anew():
    window, header = Window(60, 0), stamp()
    assert refusal(header, window) is None

    class Overtaken(dict):
        def setdefault(self, batch, nonces):
            later = NOW + 200
            window._seen = {**self}
            assert refusal(stamp(later), window, later) is None
            self.clear()
            return super().setdefault(batch, nonces)

    window._seen = Overtaken(window._seen)
    assert refusal(header, window, NOW + 59) is not None


def test_its_hmac_signs_no_trace_info():
    """Whoever is given a freshness header has nothing that passes for a signature of anything else."""
    data = freshness._signed(INFO, MAC, int(NOW * 1000), NONCE.hex())
    mac = stamp().rpartition(".")[2]
    assert KEY.sign(data) == mac
    assert KeyRing([KEY]).verify(data.decode("latin-1"), mac) is None
    assert base64.urlsafe_b64decode(data[:4]) == b"\xff\xff\xff", "no UTF-8, so no JSON, whatever follows"
