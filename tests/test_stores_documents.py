"""Documents of spans, in all the forms there are."""

import json
import tracemalloc
from pathlib import Path

import pytest
import traces

from otel_bridge.stores import otlp_json
from otel_bridge.stores.documents import Documents
from otel_bridge.stores.json_stream import Ended, Reader

DATA = Path(__file__).parent / "data" / "jaeger"
BOOT = traces.boot()
OTLP = otlp_json.encode(BOOT.spans)
SPANS = OTLP["resourceSpans"]
OLDER = json.loads((DATA / "older_trace.json").read_bytes())


def documents(*texts):
    return Documents(
        Reader([text if isinstance(text, bytes) else json.dumps(text).encode() for text in texts])
    )


@pytest.mark.parametrize(
    "document",
    [
        OTLP,
        {"result": OTLP},
        {"trace": OTLP},
        {"batches": SPANS},
        {"trace": {"batches": SPANS}, "status": "COMPLETE", "metrics": {}},
        [OTLP],
    ],
)
def test_each_form_of_otlp_holds_the_same_spans(document):
    found = documents(document)
    assert {span.span_id: span for span in found.spans()} == {span.span_id: span for span in BOOT.spans}
    assert (found.whole, found.error, found.partial) == (1, "", False)


def test_jaegers_own_form_is_understood():
    found = documents(OLDER)
    assert len(list(found.spans())) == 3
    assert found.places == {"data"}
    assert found.error == ""


def test_documents_may_follow_each_other():
    """As Jaeger streams them, and as the collector's file exporter writes them, a line each."""
    found = documents({"result": OTLP}, b"\n", {"result": OTLP}, {"data": []}, b"\n")
    assert len(list(found.spans())) == 2 * len(BOOT.spans)
    assert found.whole == 3


@pytest.mark.parametrize(
    ("document", "error", "partial"),
    [
        ({"error": "no such thing"}, "no such thing", False),
        ({"error": {"httpCode": 404, "message": "No traces found"}}, "No traces found", False),
        ({"data": None, "errors": [{"code": 404, "msg": "trace not found"}]}, "trace not found", False),
        ({"data": [], "errors": None}, "", False),
        ({"data": [], "errors": []}, "", False),
        ({"trace": {}, "status": "PARTIAL", "message": "too large"}, "too large", True),
        ({"trace": {}, "status": 1}, "", True),
    ],
)
def test_what_is_said_besides_is_kept(document, error, partial):
    found = documents(document)
    assert list(found.spans()) == []
    assert (found.error, found.partial) == (error, partial)


@pytest.mark.parametrize(
    ("document", "places"),
    [
        ({}, set()),
        ({"summaries": []}, set()),
        ({"resourceSpans": []}, {"resourceSpans"}),
        ({"resourceSpans": None}, {"resourceSpans"}),
        ({"result": None}, {"result"}),
        ({"resourceMetrics": [{"a": [1, {"b": 2}]}]}, set()),
    ],
)
def test_a_document_without_a_place_for_spans_is_told_from_an_empty_one(document, places):
    found = documents(document)
    assert list(found.spans()) == []
    assert found.places == places


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"5", "the document is not an object"),
        (b'"text"', "the document is not an object"),
        ([5], "the document is not an object"),
        ({"result": 5}, "result is not an object"),
        ({"resourceSpans": 5}, "resourceSpans is not a list"),
        ({"resourceSpans": [5]}, "resourceSpans is not"),
        ({"data": 5}, "data is not a list"),
        (b"{nonsense" + b" " * 20, "expected"),
        (b'{"trace":' * 100_000, "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_document_of_spans_is_named(document, says):
    with pytest.raises(ValueError) as caught:
        list(documents(document).spans())
    assert says in str(caught.value)


def test_a_file_that_is_being_written_may_end_in_a_document():
    """But only if another one was whole: else the end is missing of all that there is."""
    half = json.dumps(OTLP).encode()[:-40]
    assert len(list(documents(OTLP, b"\n", half).spans(may_end=True))) >= len(BOOT.spans)
    with pytest.raises(Ended):
        list(documents(half).spans(may_end=True))
    with pytest.raises(Ended):
        list(documents(OTLP, b"\n", half).spans())


def test_what_has_been_read_is_not_kept():
    """Neither the text nor a tree of it: of forty times a text less than a tenth is in memory."""
    raw = otlp_json.dumps(traces.fan(200).spans)

    def pieces():
        for _ in range(40):
            yield raw

    tracemalloc.start()
    try:
        count = sum(1 for _ in Documents(Reader(pieces())).spans())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 40 * 201
    assert peak < 40 * len(raw) / 10
