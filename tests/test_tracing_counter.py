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
