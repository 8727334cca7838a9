"""export/pipeline.py: nothing blocks, nothing is lost uncounted, everything ends in time."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from _queue import SimpleQueue
from time import monotonic, sleep

import pytest

from otel_bridge.export.outcome import Outcome
from otel_bridge.export.pipeline import Pipeline


class Collector:
    """An exporter that keeps what it is sent; it can be made to hold, to fail and to be unreachable."""

    def __init__(self):
        self.spans = []
        self.sends = []
        self.threads = set()
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.outcome = None
        self.closed = 0

    def encode(self, spans):
        return list(spans)

    def send(self, chunks, count, give_up):
        self.entered.set()
        self.threads.add(threading.get_ident())
        while not self.gate.wait(0.01):
            if monotonic() > give_up():
                return Outcome(0, {"unreachable": count}, "gave up")
        if self.outcome is not None:
            return self.outcome(count)
        self.sends.append(count)
        self.spans += [span for chunk in chunks for span in chunk]
        return Outcome(count, {}, "")

    def close(self):
        self.closed += 1


@pytest.fixture
def collector():
    return Collector()


@pytest.fixture
def pipeline(collector):
    made = Pipeline(collector, interval=0.01, exit_timeout=2)
    yield made
    collector.gate.set()
    made.shutdown()


def until(condition, timeout=10):
    end = monotonic() + timeout
    while not condition():
        assert monotonic() < end, "did not come about in time"
        sleep(0.002)


def test_what_is_put_arrives_in_order(pipeline, collector):
    for number in range(1000):
        pipeline.put(number)
    assert pipeline.force_flush(10)
    assert collector.spans == list(range(1000))


def test_nobody_has_to_flush(pipeline, collector):
    pipeline.put(1)
    until(lambda: collector.spans == [1])


def test_there_is_no_thread_before_the_first_span(collector):
    Pipeline(collector)
    assert not collector.threads


def test_one_thread_serves_all_batches_also_after_idling(pipeline, collector):
    for number in range(20):
        pipeline.put(number)
        until(lambda number=number: number in collector.spans)
        sleep(0.001 * (number % 4) * 6)
    assert len(collector.threads) == 1


def test_a_queue_that_runs_over_drops_the_newest_and_counts(collector):
    pipeline = Pipeline(collector, capacity=10, interval=0.01)
    collector.gate.clear()
    pipeline.put("first")
    assert collector.entered.wait(10)
    for number in range(25):
        pipeline.put(number)
    collector.gate.set()
    assert pipeline.force_flush(10)
    assert collector.spans == ["first", *range(10)]
    assert pipeline.stats().dropped == {"queue_full": 15}
    pipeline.shutdown()


def test_eight_threads_lose_nothing_that_is_not_counted(collector):
    pipeline = Pipeline(collector, capacity=500, interval=0.001)

    def work():
        for number in range(20000):
            pipeline.put(number)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pipeline.force_flush(10)
    stats = pipeline.stats()
    assert stats.exported == len(collector.spans)
    assert stats.exported + stats.dropped.get("queue_full", 0) == 160000 == stats.ended
    pipeline.shutdown()


def test_a_batch_is_as_large_as_allowed_and_no_larger(collector):
    pipeline = Pipeline(collector, batch=300, interval=0.01)
    collector.gate.clear()
    pipeline.put(0)
    assert collector.entered.wait(10)
    for number in range(700):
        pipeline.put(number)
    collector.gate.set()
    assert pipeline.force_flush(10)
    assert collector.sends == [1, 300, 300, 100]
    pipeline.shutdown()


def test_a_request_is_not_longer_than_collectors_take(collector, monkeypatch):
    monkeypatch.setattr("otel_bridge.export.pipeline.MAX_REQUEST", 1000)
    monkeypatch.setattr("otel_bridge.export.pipeline.CHUNK", 10)
    collector.encode = lambda spans: b"x" * 60 * len(spans)
    pipeline = Pipeline(collector, interval=0.01)
    collector.gate.clear()
    for number in range(100):
        pipeline.put(number)
    collector.gate.set()
    assert pipeline.force_flush(10)
    assert max(collector.sends) <= 20
    assert sum(collector.sends) == 100
    pipeline.shutdown()


def test_the_reasons_of_the_exporter_are_counted_and_its_words_noticed(pipeline, collector):
    collector.outcome = lambda count: Outcome(1, {"rejected": count - 1}, "the backend rejected spans")
    for number in range(5):
        pipeline.put(number)
    pipeline.force_flush(10)
    stats = pipeline.stats()
    assert (stats.exported >= 1, sum(stats.dropped.values()) + stats.exported) == (True, 5)
    assert pipeline.notices == ["the backend rejected spans"]


@pytest.mark.parametrize("where", ["encode", "send"])
def test_an_exporter_that_raises_costs_its_batch_and_nothing_else(pipeline, collector, where):
    original = getattr(collector, where)

    def broken(*args):
        raise RuntimeError("secret")

    setattr(collector, where, broken)
    pipeline.put(1)
    assert pipeline.force_flush(10)
    setattr(collector, where, original)
    pipeline.put(2)
    assert pipeline.force_flush(10)
    assert collector.spans == [2]
    assert pipeline.stats().dropped == {"failed": 1}
    assert "secret" not in str(pipeline.notices)


def test_a_flush_that_takes_too_long_says_so(pipeline, collector):
    collector.gate.clear()
    pipeline.put(1)
    began = monotonic()
    assert pipeline.force_flush(0.1) is False
    assert monotonic() - began < 5


def test_a_flush_of_nothing_starts_no_thread(collector):
    assert Pipeline(collector).force_flush(1)
    assert not collector.threads


def test_shutdown_delivers_and_what_comes_later_is_counted(pipeline, collector):
    pipeline.put(1)
    pipeline.shutdown()
    pipeline.put(2)
    assert collector.spans == [1]
    assert pipeline.stats().dropped == {"shutdown": 1}
    assert collector.closed == 1


def test_shutdown_is_bounded_when_the_collector_hangs(collector):
    pipeline = Pipeline(collector, interval=0.01, exit_timeout=0.3)
    collector.gate.clear()
    for number in range(3):
        pipeline.put(number)
    began = monotonic()
    pipeline.shutdown()
    assert monotonic() - began < 5
    until(lambda: sum(pipeline.stats().dropped.values()) == 3)


def test_a_collector_known_to_be_away_gets_less_time_at_exit(collector):
    pipeline = Pipeline(collector, interval=0.01, exit_timeout=60)
    collector.outcome = lambda count: Outcome(0, {"unreachable": count}, "away")
    pipeline.put(1)
    pipeline.force_flush(10)
    collector.outcome = None
    collector.gate.clear()
    pipeline.put(2)
    began = monotonic()
    pipeline.shutdown()
    assert monotonic() - began < 20


def test_a_signal_handler_may_end_spans(pipeline, collector):
    count = 0

    def handler(signum, frame):
        nonlocal count
        pipeline.put("signal")
        count += 1

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        made = 0
        end = monotonic() + 0.5
        while monotonic() < end:
            pipeline.put("main")
            made += 1
            if made % 500 == 0:
                sleep(0.002)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert pipeline.force_flush(10)
    stats = pipeline.stats()
    assert count
    assert stats.exported + sum(stats.dropped.values()) == made + count


def fork_and_report(pipeline, collector, spans):
    """What a forked child exports, as numbers."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        collector.spans = []
        for span in spans:
            pipeline.put(span)
        pipeline.force_flush(10)
        os.write(write, b",".join(b"%d" % span for span in collector.spans))
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    return [int(part) for part in text.split(b",") if part]


def test_forks_before_after_and_during_export_deliver_everything_once(pipeline, collector):
    assert fork_and_report(pipeline, collector, [1, 2]) == [1, 2]
    pipeline.put(10)
    assert pipeline.force_flush(10)
    assert fork_and_report(pipeline, collector, [3, 4]) == [3, 4]
    collector.entered.clear()
    collector.gate.clear()
    for number in range(11, 21):
        pipeline.put(number)
    assert collector.entered.wait(10)
    collector.gate.set()
    assert fork_and_report(pipeline, collector, [5, 6]) == [5, 6]
    assert pipeline.force_flush(10)
    assert collector.spans == list(range(10, 21))


EXIT = """
import os, sys, signal, threading, time
from otel_bridge.export.pipeline import Pipeline
from otel_bridge.export.outcome import Outcome
class Printer:
    def encode(self, spans): return spans
    def send(self, chunks, count, give_up):
        os.write(1, b"".join(b"%d\\n" % s for chunk in chunks for s in chunk))
        return Outcome(count, {}, "")
    def close(self): pass
pipeline = Pipeline(Printer(), interval=60, exit_timeout=5)
"""


@pytest.mark.parametrize(
    "end",
    [
        "pipeline.put(1)",
        "pipeline.put(1); sys.exit(3)",
        "pipeline.put(1); raise SystemExit",
        "threading.Thread(target=pipeline.put, args=(1,)).start()",
        "import atexit; pipeline.put(1); atexit.register(pipeline.put, 2)",
        "signal.signal(signal.SIGTERM, lambda *a: sys.exit(0)); pipeline.put(1)\n"
        "os.kill(os.getpid(), 15); time.sleep(5)",
    ],
)
def test_an_orderly_exit_flushes(end):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(EXIT) + end], capture_output=True, text=True, timeout=30
    )
    assert done.stdout.split()[:1] == ["1"], done
    assert "Traceback" not in done.stderr


def test_a_forked_child_flushes_at_its_own_exit():
    program = textwrap.dedent(EXIT) + "pipeline.put(1)\nif os.fork() == 0: pipeline.put(2)\nelse: os.wait()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert sorted(done.stdout.split()) == ["1", "2"], done


def test_a_span_put_by_a_finalizer_is_no_deadlock(pipeline, collector):
    class Dying:
        def __del__(self):
            pipeline.put("del")

    queue = SimpleQueue()
    for _ in range(2000):
        thing = Dying()
        thing.me = thing
        queue.put(None)
        pipeline.put("main")
        del thing
    import gc

    gc.collect()
    assert pipeline.force_flush(10)
    assert collector.spans.count("del") == 2000


GREEN = """
import os, sys, warnings
warnings.simplefilter("ignore")
def patch():
    if {kind!r} == "eventlet":
        import eventlet
        eventlet.monkey_patch()
    else:
        from gevent import monkey
        monkey.patch_all()
if {first}: patch()
from otel_bridge.export.pipeline import Pipeline
from otel_bridge.export.outcome import Outcome
if not {first}: patch()
import _thread, time
got, threads = [], set()
class Keep:
    def encode(self, spans): return spans
    def send(self, chunks, count, give_up):
        threads.add(get_ident())
        got.extend(s for chunk in chunks for s in chunk)
        return Outcome(count, {{}}, "")
    def close(self): pass
from otel_bridge.export import native
get_ident = native._original("_thread", "get_ident")
here = get_ident()
pipeline = Pipeline(Keep(), interval=0.01)
def work(number):
    for step in range(10):
        pipeline.put((number, step))
        time.sleep(0)
if {kind!r} == "eventlet":
    import eventlet
    pool = eventlet.GreenPool(50)
    for number in range(50): pool.spawn(work, number)
    pool.waitall()
else:
    import gevent
    gevent.joinall([gevent.spawn(work, number) for number in range(50)])
# The hub is kept from running: a green thread would starve here, a native one goes on.
end = time.monotonic() + 10
while len(got) < 500 and time.monotonic() < end: sum(range(1000))
assert len(got) == 500, len(got)
assert threads and here not in threads, threads
pipeline.put("last")
"""


@pytest.mark.parametrize("first", [True, False], ids=["patched first", "patched later"])
@pytest.mark.parametrize("kind", ["eventlet", "gevent"])
def test_under_green_threads_the_export_thread_is_a_native_one(kind, first):
    done = subprocess.run(
        [sys.executable, "-c", GREEN.format(kind=kind, first=first)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
