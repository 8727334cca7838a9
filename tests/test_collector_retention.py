"""What is removed, in which order, and what is left."""

import random
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from storing import Clock, contents, counts, insert

from otel_bridge.collector import retention, schema, terms
from otel_bridge.collector.retention import Removed, Remover, Retention
from otel_bridge.collector.rows import Rows
from otel_bridge.collector.transaction import transaction
from otel_bridge.model.trace import SpanRecord
from otel_bridge.stores import sqlite_search
from otel_bridge.stores.protocol import TraceQuery
from otel_bridge.stores.sqlite import SqliteStore

MiB = 1 << 20


@pytest.fixture
def path(tmp_path):
    return tmp_path / "db"


class Store:
    """A file, its rows and its remover, with a clock."""

    def __init__(self, path, **kept):
        self.path = path
        self.clock = Clock()
        self.connection = schema.open_for_writing(path)
        self.rows = Rows(self.connection, self.clock)
        self.remover = Remover(self.connection, self.rows, Retention(**kept), self.clock)

    def insert(self, *spans):
        insert(self.connection, self.rows, spans)

    def step(self, spans=1000):
        with transaction(self.connection, self.rows):
            self.remover.step(spans)

    def step_and_fail(self):
        self.remover.step(1)
        raise KeyError

    def remove(self, spans=1000):
        steps = 0
        while self.remover.has_work():
            self.step(spans)
            steps += 1
            assert steps < 10_000
        return steps

    @property
    def ids(self):
        return [summary.trace_id for summary in SqliteStore(self.path).list(TraceQuery(limit=10_000))]


@pytest.fixture
def store(path):
    made = []

    def make(**kept):
        made.append(Store(path, **kept))
        return made[-1]

    yield make
    for one in made:
        one.connection.close()


def span(trace_id, span_id=1, name="boot", service="nova", **more):
    return SpanRecord(
        trace_id, span_id, 0, name, 1, trace_id, trace_id + 1, resource={"service.name": service}, **more
    )


def test_traces_that_nothing_came_of_for_too_long_are_removed(store):
    """Whatever they say of their own time: a clock may be wrong there."""
    one = store(keep=100)
    one.insert(span(1), span(1 << 62))
    one.clock.now += 60
    one.insert(span(2), span(1, 2))
    assert not one.remover.has_work()
    one.clock.now += 60
    assert one.remover.has_work()
    one.remove()
    assert one.ids == [2, 1]
    assert one.remover.removed == Removed(too_old=1, spans=1)
    one.clock.now += 60
    one.remove()
    assert one.ids == []
    assert set(counts(one.connection).values()) == {0} or one.remover.removed.too_old == 3


def test_nothing_is_removed_of_what_is_kept_for_ever(store):
    one = store()
    one.insert(*(span(number) for number in range(1, 50)))
    one.clock.now += 10**9
    assert not one.remover.has_work()


def fill(one, traces=300, size=2000):
    """Traces of 4 kB or so, received second by second in another order than that of their starts."""
    order = list(range(1, traces + 1))
    random.Random(3).shuffle(order)
    for trace_id in order:
        one.clock.now += 11
        one.insert(span(trace_id, 1, attributes={"a": "x" * size}), span(trace_id, 2, "b" * size))
    return order


def test_the_file_is_kept_below_its_size(store):
    """Those that were received longest ago go first, and a little more than need be."""
    one = store(max_size=MiB)
    order = fill(one)
    assert one.remover.has_work()
    one.remove()
    left = one.ids
    assert 100 < len(left) < 290
    assert sorted(left) == sorted(order[-len(left) :])
    used = (
        one.connection.execute("PRAGMA page_count").fetchone()[0]
        - one.connection.execute("PRAGMA freelist_count").fetchone()[0]
    ) * 4096
    assert 0.85 * MiB < used <= 0.95 * MiB
    assert one.remover.removed.too_many == 300 - len(left)
    assert one.remover.removed.newest_s == 1_000_000 + 11 * (300 - len(left))


def test_the_file_does_not_grow_although_more_and_more_comes(store):
    one = store(max_size=MiB)
    largest = 0
    for start in range(0, 3000, 10):
        one.insert(*(span(start + number, 1, "x" * 2000) for number in range(1, 11)))
        if one.remover.has_work():
            one.step(30)
        largest = max(largest, one.connection.execute("PRAGMA page_count").fetchone()[0] * 4096)
    assert largest < 1.2 * MiB
    assert max(one.ids) == 3000


def test_a_size_that_not_even_an_empty_store_has_is_no_endless_work(store):
    one = store(max_size=1)
    one.insert(span(1))
    assert one.remove() <= 3
    assert one.ids == []
    assert one.remover.is_over()
    assert not one.remover.has_work()


@given(
    st.lists(
        st.builds(
            lambda *parts: parts,
            st.integers(1, 9),
            st.integers(1, 5),
            st.sampled_from(["boot", "build", "SELECT"]),
            st.sampled_from(["nova", "keystone"]),
            st.integers(0, 30),
        ),
        min_size=1,
        max_size=30,
    ),
    st.integers(1, 5),
    st.sampled_from([1, 2, 1024]),
)
@settings(max_examples=40, deadline=None)
def test_what_is_left_is_as_if_the_others_had_never_been(tmp_path_factory, given_spans, step, block):
    """Property: traces, their spans, lists by service and operation, resources and scopes; and in between,
    whoever reads sees each trace as a whole or not at all."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (terms, sqlite_search):
            patch.setattr(module, "BLOCK", block)
        patch.setattr(retention, "_SWEEP", 1)
        directory = tmp_path_factory.mktemp("store")
        one = Store(directory / "one", keep=40)
        received, seen = {}, set()
        for trace_id, span_id, name, service, later in given_spans:
            one.clock.now += later
            one.insert(span(trace_id, span_id, name, service))
            # What comes again is nothing new. Times of receipt are known to ten seconds.
            is_new = (trace_id, span_id) not in seen
            if is_new and not 0 <= one.clock.now - received.get(trace_id, -1e9) < 10:
                received[trace_id] = one.clock.now
            seen.add((trace_id, span_id))
        kept = {trace_id for trace_id, when in received.items() if one.clock.now - when <= 40}
        other = Store(directory / "other")
        for trace_id, span_id, name, service, _ in given_spans:
            if trace_id in kept:
                other.insert(span(trace_id, span_id, name, service))
        before = contents(directory / "one", range(1, 10))
        expected = contents(directory / "other", range(1, 10))
        while one.remover.has_work():
            one.step(step)
            for trace_id in range(1, 10):
                now = contents(directory / "one", [trace_id]).get(trace_id)
                assert now in (before.get(trace_id), None if trace_id not in kept else before[trace_id])
        assert contents(directory / "one", range(1, 10)) == expected
        left, never = counts(one.connection), counts(other.connection)
        for table in ("traces", "spans", "resources", "scopes", "terms", "removed"):
            assert left[table] == never[table], table
        # The store goes on as ever.
        for made in (one, other):
            made.insert(*(span(number, 1, "again") for number in range(1, 10)))
        assert contents(directory / "one", range(1, 10)) == contents(directory / "other", range(1, 10))
        one.connection.close()
        other.connection.close()


def test_what_was_begun_is_done_after_a_restart(store):
    one = store(keep=100)
    one.insert(*(span(1, number) for number in range(1, 20)))
    one.clock.now += 200
    one.step(5)
    assert one.ids == []
    assert counts(one.connection)["spans"] == 14
    one.connection.close()
    again = store()
    assert again.remover.has_work()
    again.remove()
    assert counts(again.connection)["spans"] == 0


def test_a_removed_trace_of_which_more_comes_begins_anew(store):
    """Also while its spans are still being removed."""
    one = store(keep=100)
    one.insert(*(span(1, number) for number in range(1, 20)))
    one.clock.now += 200
    one.step(5)
    one.insert(span(1, 7, "late"), span(1, 3))
    one.remove()
    assert [found.name for found in SqliteStore(one.path).get(1).spans] == ["boot", "late"]
    assert SqliteStore(one.path).span_count(1) == 2


def test_a_step_of_which_nothing_was_committed_is_done_again(store):
    one = store(keep=100)
    one.insert(span(1), span(2))
    one.clock.now += 200
    with pytest.raises(KeyError), transaction(one.connection, one.rows):
        one.step_and_fail()
    assert one.ids == [2, 1]
    one.insert(span(1, 2, "more"))
    one.remove()
    assert one.ids == [1]


def test_unused_pages_are_given_back(store, monkeypatch):
    monkeypatch.setattr(retention, "_MANY_UNUSED", 20)
    one = store(keep=100)
    fill(one)
    full = one.connection.execute("PRAGMA page_count").fetchone()[0]
    one.clock.now += 200
    one.remove()
    assert one.connection.execute("PRAGMA page_count").fetchone()[0] < full / 5
    assert one.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_file_that_cannot_give_pages_back_is_no_endless_work(store, monkeypatch, path):
    """One that version 1 made."""
    import gzip
    from pathlib import Path

    monkeypatch.setattr(retention, "_MANY_UNUSED", 1)
    data = Path(__file__).parent / "data/store/version-1.sqlite.gz"
    path.write_bytes(gzip.decompress(data.read_bytes()))
    one = store(keep=100)
    fill(one, 50)
    one.clock.now += 10**10
    one.remove()
    assert one.ids == []


def test_traces_that_are_searched_for_are_found_after_others_were_removed(store, monkeypatch):
    """The key of a removed trace may be given again: nothing of it may be left."""
    monkeypatch.setattr(terms, "BLOCK", 4)
    monkeypatch.setattr(sqlite_search, "BLOCK", 4)
    one = store(keep=100)
    one.insert(*(span(number, 1, "old") for number in range(1, 30)))
    one.clock.now += 200
    one.remove()
    with closing(schema.open_for_writing(one.path)):
        one.insert(*(span(number, 1, "new") for number in range(1, 30)))
    store_ = SqliteStore(one.path)
    assert store_.list(TraceQuery(operation="old")) == []
    assert len(store_.list(TraceQuery(operation="new", limit=100))) == 29
