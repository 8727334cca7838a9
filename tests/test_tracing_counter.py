"""tracing/counter.py: a count that loses nothing."""

import threading

from otel_bridge.tracing.counter import Counter


def test_reading_does_not_count():
    counter = Counter()
    assert [counter.value(), counter.value()] == [0, 0]
    counter.add()
    assert [counter.value(), counter.value()] == [1, 1]


def test_eight_threads_lose_no_count_while_somebody_reads():
    counter = Counter()

    def add():
        for _ in range(5000):
            counter.add()

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        counter.value()
    assert counter.value() == 40000


def test_a_counter_is_read_without_a_lock():
    """stats() may be interrupted by a signal handler that reads the same counter, or forked meanwhile."""
    counter = Counter()
    counter.add()
    locks = [getattr(counter, name, None) for name in Counter.__slots__]
    assert not any(hasattr(lock, "acquire") for lock in locks)
    assert [counter.value(), counter.value()] == [1, 1]
