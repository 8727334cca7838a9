"""What the stores that are reached by HTTP have alike."""

import json
import threading

import pytest
import traces
from loopback import answer, serving

from otel_bridge.stores import StoreError, otlp_json
from otel_bridge.stores.fetching import Answer
from otel_bridge.stores.http_store import HttpStore
from otel_bridge.stores.options import StoreOptions

BOOT = traces.boot()
OTLP = otlp_json.dumps(BOOT.spans)


class Observer:
    def __init__(self):
        self.received = self.spans = self.open = 0
        self.notes = []

    def start(self):
        self.open += 1

    def update(self, received, spans):
        self.received, self.spans = received, spans

    def note(self, text):
        self.notes.append(text)

    def finish(self):
        self.open -= 1


class Store(HttpStore):
    WANTED = "tea"

    def read(self):
        with self._watch() as watch:
            return self._spans(watch, list, "/x")


def read(*sent, observer=None, timeout=10):
    with serving(lambda head: sent) as server:
        options = StoreOptions(timeout=timeout, observer=observer)
        return Store(f"http://u:s3cr3t@{server.netloc}", options).read()


def test_spans_are_read_as_they_come():
    """The first ones are there before the answer is whole."""
    spans = traces.fan(2000).spans
    raw = otlp_json.dumps(spans)
    go_on = threading.Event()
    seen = []

    class Impatient(Store):
        def read(self):
            def use(spans):
                for span in spans:
                    seen.append(span)
                    go_on.set()

            with self._watch() as watch:
                return self._spans(watch, use, "/x")

    def script(head):
        yield f"HTTP/1.1 200 OK\r\nContent-Length: {len(raw)}\r\n\r\n".encode()
        yield raw[: len(raw) // 2]
        assert go_on.wait(10)
        yield raw[len(raw) // 2 :]

    with serving(script) as server:
        Impatient(f"http://{server.netloc}", StoreOptions(timeout=10)).read()
    assert len(seen) == len(spans)


def test_what_is_no_document_of_spans_is_handed_over():
    assert read(answer("gone", status=404, content_type="text/plain")) == Answer(404, "text/plain", b"gone")
    assert read(answer("<p>", content_type="text/html")).content_type == "text/html"


def test_the_observer_is_told_and_let_go():
    observer = Observer()
    raw = otlp_json.dumps(traces.fan(1200).spans)
    assert len(read(answer(raw), observer=observer)) == 1201
    assert (observer.received, observer.spans, observer.open) == (len(raw), 1000, 0)
    with pytest.raises(StoreError):
        read(answer(raw[:-50]), observer=observer)
    assert observer.open == 0


def test_what_may_be_missing_is_told():
    """An error behind the spans, as Jaeger streams it."""
    observer = Observer()
    streamed = b'{"result": ' + OTLP + b'}\n{"error": {"message": "storage is gone"}}'
    assert len(read(answer(streamed), observer=observer)) == len(BOOT.spans)
    (note,) = observer.notes
    assert note.endswith("these may not be all spans, it says (storage is gone)")
    assert "s3cr3t" not in note


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "answered something else, not tea"),
        (b"nothing", "answered something else, not tea"),
        (b'"text"', "answered something else, not tea"),
        (b"{}", "answered something else, not tea"),
        (json.dumps({"summaries": []}).encode(), "answered something else, not tea"),
        (OTLP[:-9], "cannot be read (it ends in the middle)"),
        (b'{"resourceSpans": {}}', "cannot be read (resourceSpans is not a list"),
        (OTLP.replace(b'"name":', b'"name" ', 1), "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_one_line(body, says):
    with pytest.raises(StoreError) as caught:
        read(answer(body))
    assert says in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_an_answer_that_is_cut_off_within_the_spans_is_told_as_that():
    sent = [b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + OTLP[:1000]]
    with pytest.raises(StoreError, match="the answer was cut off"):
        read(*sent)


def test_a_server_that_hangs_within_the_spans_is_given_up():
    over = threading.Event()

    def script(head):
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + OTLP[:1000]
        over.wait(10)

    with serving(script) as server:
        store = Store(f"http://{server.netloc}", StoreOptions(timeout=0.3))
        with pytest.raises(StoreError, match=r"no complete answer within 0\.3 s"):
            store.read()
        over.set()
