"""How far reading has come, as it is told."""

import pytest
import traces

from otel_bridge.stores.watching import Watch


class Observer:
    def __init__(self):
        self.told = []

    def start(self):
        self.told.append("start")

    def update(self, received, spans):
        self.told.append((received, spans))

    def note(self, text):
        self.told.append(text)

    def finish(self):
        self.told.append("finish")


def test_bytes_and_spans_are_counted_from_the_start():
    observer = Observer()
    spans = traces.fan(1200).spans
    with Watch(observer) as watch:
        assert list(watch.pieces([b"abc", b"de"])) == [b"abc", b"de"]
        assert tuple(watch.spans(spans)) == spans
        watch.note("half of it")
    assert observer.told == ["start", (3, 0), (5, 0), (5, 500), (5, 1000), "half of it", "finish"]


def test_the_end_is_told_whatever_happens():
    observer = Observer()
    with pytest.raises(KeyError), Watch(observer):
        raise KeyError
    assert observer.told == ["start", "finish"]


def test_without_an_observer_nothing_is_in_between():
    with Watch(None) as watch:
        pieces, spans = [b"abc"], traces.boot().spans
        assert watch.pieces(pieces) is pieces
        assert watch.spans(spans) is spans
        watch.note("nobody hears it")
