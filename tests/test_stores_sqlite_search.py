"""Which traces are listed, in which order, whatever way is taken to find them."""

import random
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.collector import ingest, schema, terms
from otel_bridge.collector.rows import Rows
from otel_bridge.collector.transaction import transaction
from otel_bridge.model.trace import SpanRecord, Trace
from otel_bridge.stores import otlp_json, sqlite_search
from otel_bridge.stores.protocol import StoreError, TraceQuery
from otel_bridge.stores.sqlite import SqliteStore
from otel_bridge.stores.sqlite_search import Position

SERVICES = ["nova-api", "Keystone", "100%"]
NAMES = ["boot", "SELECT", "select", "", "a_b", "x" * 600, "x" * 601, "Ä\\%"]


def batch(spans):
    return ingest.batch(ingest.parse_json(otlp_json.dumps(spans)))


def stored(path, spans, size=7):
    with closing(schema.open_for_writing(path)) as connection:
        rows = Rows(connection)
        for start in range(0, len(spans), size):
            with transaction(connection, rows):
                rows.insert(batch(spans[start : start + size]))
    return SqliteStore(path)


@pytest.fixture(params=["as it is", "small blocks", "many traces"])
def ways(request, monkeypatch):
    """Each way to find traces, on stores that are too small for it: terms in sealed blocks, and a walk."""
    if request.param != "as it is":
        for module in (terms, sqlite_search):
            monkeypatch.setattr(module, "BLOCK", 2)
    if request.param == "many traces":
        monkeypatch.setattr(sqlite_search, "_FEW_KEYS", 1)
        monkeypatch.setattr(sqlite_search, "_FEW_IDS", 1)


identities = st.sampled_from([1, 2, 0xAB, 0xA0 << 120, 0xAB << 120, 0xABC << 116, (1 << 128) - 1])
spans = st.builds(
    lambda trace_id, span_id, start, length, name, service, status: SpanRecord(
        trace_id, span_id, 0, name, 1, start, start + length, status, resource={"service.name": service}
    ),
    identities,
    st.integers(1, 99),
    st.integers(1, 9),
    st.integers(0, 5),
    st.sampled_from(NAMES),
    st.sampled_from(SERVICES),
    st.sampled_from([0, 0, 2]),
)
queries = st.builds(
    TraceQuery,
    limit=st.sampled_from([0, 1, 2, 100]),
    since_ns=st.none() | st.integers(0, 9),
    until_ns=st.none() | st.integers(0, 10),
    service=st.none() | st.sampled_from([*SERVICES, "nova"]),
    operation=st.none() | st.sampled_from([*NAMES, "oot"]),
    errors_only=st.booleans(),
    min_duration_ns=st.none() | st.integers(0, 5),
    max_duration_ns=st.none() | st.integers(0, 5),
    id_prefix=st.none() | st.sampled_from(["0", "a", "ab", "abc", "f" * 31, "0" * 30, "e"]),
)
texts = st.sampled_from(["", "", "o", "SEL", "nova", "%", "_", "\\", "keystone", "nothing"])


def matches(trace, query, text):
    """Whether a trace is asked for, told from all of its spans."""
    summary = trace.summary()
    named = [(span.service, span.name) for span in trace.spans]
    return (
        (query.since_ns is None or summary.start_ns >= query.since_ns)
        and (query.until_ns is None or summary.start_ns < query.until_ns)
        and (query.service is None or query.service in summary.services)
        and (
            query.operation is None
            or any(query.operation == name and query.service in (None, service) for service, name in named)
        )
        and (not query.errors_only or summary.error_count > 0)
        and (query.min_duration_ns is None or summary.duration_ns >= query.min_duration_ns)
        and (query.max_duration_ns is None or summary.duration_ns <= query.max_duration_ns)
        and f"{trace.trace_id:032x}".startswith(query.id_prefix or "")
        and any(_like(text, name) or _like(text, service) for service, name in named)
    )


def _like(text, name):
    # As SQLite: the letters of ASCII in any case. Of a long name the beginning is looked at.
    return text.lower() in "".join(char.lower() if char.isascii() else char for char in name)


@given(st.lists(spans, max_size=25), queries, texts)
@settings(max_examples=150, deadline=None)
@pytest.mark.usefixtures("ways")
def test_what_is_listed_is_what_is_asked_for(tmp_path_factory, spans, query, text):
    """Property: it is what looking at every span of every trace finds, and in the same order."""
    store = stored(tmp_path_factory.mktemp("store") / "db", spans)
    first = {}
    for span in spans:
        first.setdefault((span.trace_id, span.span_id), span)
    traces = [Trace.from_spans(one, first.values()) for one in {span.trace_id for span in spans}]
    found = [trace.summary() for trace in traces if matches(trace, query, text)]
    found.sort(key=lambda summary: (summary.start_ns, summary.trace_id), reverse=True)
    assert store.page(query, text) == found[: query.limit]


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("options", [{}, {"operation": "boot"}, {"errors_only": True}, {"id_prefix": "a"}])
def test_page_after_page_shows_each_trace_once(tmp_path, options):
    """Also where several traces start at one moment."""
    chance = random.Random(5)
    names = ["boot", "other"]
    spans = [
        SpanRecord(
            chance.getrandbits(128),
            1,
            0,
            chance.choice(names),
            1,
            chance.randint(1, 5),
            9,
            chance.choice([0, 2]),
        )
        for _ in range(60)
    ]
    store = stored(tmp_path / "db", spans)
    everything = store.list(TraceQuery(limit=100, **options))
    assert everything
    found, before = [], None
    while page := store.page(TraceQuery(limit=7, **options), before=before):
        found += page
        before = Position(page[-1].start_ns, page[-1].trace_id)
    assert found == everything


def test_times_beyond_what_sqlite_has_are_just_late(tmp_path):
    store = stored(tmp_path / "db", [SpanRecord(7, 1, 0, "x", 1, 5, 6)])
    assert len(store.list(TraceQuery(until_ns=1 << 70, max_duration_ns=1 << 70, limit=1 << 70))) == 1
    assert store.list(TraceQuery(since_ns=1 << 70)) == []
    assert store.list(TraceQuery(until_ns=-(1 << 70))) == []


def test_a_span_that_ends_before_it_starts_lasted_no_time(tmp_path):
    store = stored(tmp_path / "db", [SpanRecord(7, 1, 0, "x", 1, 50, 6)])
    assert len(store.list(TraceQuery(min_duration_ns=0, max_duration_ns=0))) == 1
    assert store.list(TraceQuery(min_duration_ns=1)) == []


def test_what_is_no_prefix_of_an_id_is_said(tmp_path):
    store = stored(tmp_path / "db", [SpanRecord(7, 1, 0, "x", 1, 5, 6)])
    with pytest.raises(StoreError, match="'xy' is no beginning of a trace id"):
        store.list(TraceQuery(id_prefix="xy"))


def test_services_and_operations_are_suggested(tmp_path):
    def span(number, service, name):
        return SpanRecord(7, number, 0, name, 1, 5, 6, resource={"service.name": service})

    named = [("nova", "boot"), ("nova", "Build"), ("keystone", "boot"), ("nova", "x" * 600), ("nova", "")]
    store = stored(tmp_path / "db", [span(number, *one) for number, one in enumerate(named, 1)])
    assert store.suggestions() == (["keystone", "nova"], ["Build", "boot"])
    assert store.suggestions(service="keystone") == (["keystone", "nova"], ["boot"])
    assert store.suggestions(limit=1) == (["keystone"], ["Build"])
