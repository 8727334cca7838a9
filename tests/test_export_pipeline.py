"""export/pipeline.py: nothing blocks, nothing is lost uncounted, everything ends in time."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from _queue import SimpleQueue
from time import monotonic, sleep
from types import SimpleNamespace
from unittest import mock

import pytest

from otel_bridge.export import native
from otel_bridge.export import pipeline as pipelines
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
    assert pipeline.notices == ["spans were lost: the backend rejected spans"]


def test_words_of_an_exporter_that_lost_nothing_say_nothing_of_losses(pipeline, collector):
    collector.outcome = lambda count: Outcome(count, detail="the backend has a warning")
    pipeline.put(1)
    pipeline.force_flush(10)
    assert pipeline.notices == ["the backend has a warning"]


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


def test_a_flush_after_shutdown_does_not_wait(pipeline):
    """Exit hooks of the service may flush after ours has shut down: nobody is there who would answer."""
    pipeline.put(1)
    pipeline.shutdown()
    began = monotonic()
    assert pipeline.force_flush(5)
    assert monotonic() - began < 2


def test_flushes_in_progress_at_shutdown_are_all_answered(pipeline, collector):
    """The export thread ends at the first request that it sees after shutdown; the others wait as well."""
    collector.gate.clear()
    pipeline.put(1)
    assert collector.entered.wait(10)
    answers = []
    flushes = [
        threading.Thread(target=lambda: answers.append(pipeline.force_flush(20)), daemon=True)
        for _ in range(3)
    ]
    for flush in flushes:
        flush.start()
    until(lambda: pipeline._bell.qsize() == 3)
    stop = threading.Thread(target=pipeline.shutdown, daemon=True)
    stop.start()
    until(lambda: pipeline._bell.qsize() == 4)
    began = monotonic()
    collector.gate.set()
    for thread in (*flushes, stop):
        thread.join(10)
    assert monotonic() - began < 1.5
    assert answers == [True] * 3


def test_an_exporter_that_fails_to_close_does_not_reach_the_host(caplog):
    """A stock exporter's shutdown may raise; a signal handler and the exit hooks run it."""

    class Faulty(Collector):
        def close(self):
            raise RuntimeError("no")

    pipeline = Pipeline(Faulty(), interval=0.01, exit_timeout=2)
    pipeline.put(1)
    pipeline.shutdown()
    assert pipeline.stats().exported == 1
    assert "RuntimeError" in caplog.text


def test_an_outcome_that_is_none_costs_its_batch_and_nothing_else(pipeline, collector):
    """The export thread survives whatever an exporter returns, and the spans are counted."""
    collector.outcome = lambda count: None
    pipeline.put(1)
    until(lambda: pipeline.stats().waiting == 0)
    collector.outcome = None
    pipeline.put(2)
    assert pipeline.force_flush(5)
    stats = pipeline.stats()
    assert (stats.exported, stats.dropped, stats.waiting) == (1, {"failed": 1}, 0)


def test_a_drop_counted_while_shutdown_changes_over_is_not_lost(collector, monkeypatch):
    """Queue full and shutdown at once: exported + dropped + waiting stays what was handed over."""
    pipeline = Pipeline(collector, capacity=1, interval=60, exit_timeout=1)
    pipeline.put(1)
    full = pipeline._full  # what a put() in another thread has read and is about to add to
    pipeline.shutdown()
    full.add()
    assert pipeline.stats().ended == 2


def test_flushes_without_a_thread_do_not_leave_a_deadline_behind(collector, monkeypatch):
    """Two threads that flush where no export thread can be started do not shorten each other's time."""
    pipeline = Pipeline(collector, interval=0.01, exit_timeout=2)
    monkeypatch.setattr(native, "start_thread", mock.Mock(side_effect=RuntimeError("no more threads")))
    inside, leave = threading.Event(), threading.Event()
    encode = collector.encode

    def slow(spans):
        if 1 in spans:
            inside.set()
            leave.wait(10)
        return encode(spans)

    collector.encode = slow
    pipeline.put(1)
    first = threading.Thread(target=pipeline.force_flush, args=(0.05,))
    first.start()
    assert inside.wait(10)
    drain = pipeline._drain

    def meanwhile(*arguments):  # the second flush has begun when the first one ends
        leave.set()
        first.join(10)
        return drain(*arguments)

    pipeline._queue.append(2)
    monkeypatch.setattr(pipeline, "_drain", meanwhile)
    pipeline.force_flush(0.05)
    monkeypatch.undo()
    collector.gate.clear()  # the collector answers after a while only
    threading.Timer(0.1, collector.gate.set).start()
    pipeline.put(3)
    assert pipeline.force_flush(5)
    assert 3 in collector.spans
    pipeline.shutdown()


def test_a_flush_without_a_thread_that_runs_out_of_time_keeps_the_rest(collector, monkeypatch):
    """force_flush with no time left drops nothing: the spans wait for the next flush."""
    pipeline = Pipeline(collector, interval=0.01, exit_timeout=2)
    monkeypatch.setattr(native, "start_thread", mock.Mock(side_effect=RuntimeError("no more threads")))
    pipeline.put(1)
    assert not pipeline.force_flush(0)
    assert pipeline.stats().waiting == 1
    assert pipeline.force_flush(5)
    assert collector.spans == [1]


def test_one_pipeline_that_cannot_shut_down_does_not_keep_the_others_from_it(collector, monkeypatch):
    """The exit hook goes through all pipelines, whatever one of them does."""
    bad, good = Pipeline(collector), Pipeline(collector, interval=60)
    good.put(1)
    monkeypatch.setattr(pipelines, "_pipelines", [bad, good])
    monkeypatch.setattr(bad, "shutdown", mock.Mock(side_effect=RuntimeError("no")))
    pipelines.shutdown_all()
    assert collector.spans == [1]


def test_exit_hooks_are_registered_once_even_if_the_server_refuses_its_own(collector, monkeypatch):
    """mod_wsgi's subscribe_shutdown may raise: spans are exported, and atexit is not filled up."""
    refusing = SimpleNamespace(subscribe_shutdown=mock.Mock(side_effect=RuntimeError("no")))
    monkeypatch.setitem(pipelines.sys.modules, "mod_wsgi", refusing)
    monkeypatch.setattr(pipelines, "_hooked_pids", set())
    registered = mock.Mock()
    monkeypatch.setattr("atexit.register", registered)
    pipeline = Pipeline(collector, interval=0.01)
    for number in range(10):
        pipeline.put(number)
    until(lambda: len(collector.spans) == 10)
    assert registered.call_count == 1
    pipeline.shutdown()


def test_an_interrupted_wake_up_does_not_silence_the_pipeline(pipeline, collector, monkeypatch):
    """A signal handler that raises in the middle of put() may cost a wake-up, but no later span."""
    pipeline.put(1)
    until(lambda: collector.spans == [1] and pipeline._parked)
    pipeline._parked.clear()  # the token was taken, and then came KeyboardInterrupt
    monkeypatch.setattr(pipelines, "LOOK_AGAIN", 0.05, raising=False)
    pipeline.put(2)
    pipeline._bell.put(None)  # let the thread begin a round with the shorter time
    until(lambda: collector.spans == [1, 2])
