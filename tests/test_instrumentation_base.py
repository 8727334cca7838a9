"""instrumentation/base.py: what an instrumentor replaces it puts back, whole."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from otel_bridge.instrumentation.base import ReplacingInstrumentor
from otel_bridge.replacing import Replacements

library = SimpleNamespace(send=1, receive=1)


class Instrumentor(ReplacingInstrumentor):
    def instrumentation_dependencies(self) -> tuple[str, ...]:
        return ()

    def _replace(self, replacements: Replacements, *, names: tuple[str, ...] = (), **_options: Any) -> None:
        replacements.at_undo(lambda: names and stopped.append(names))
        for name in names:
            replacements.replace(library, name, getattr(library, name) + 1)


stopped: list[tuple[str, ...]] = []


@pytest.fixture(autouse=True)
def _anew() -> None:
    stopped.clear()


def test_it_can_be_switched_on_and_off_again_and_again() -> None:
    for _ in range(2):
        Instrumentor().instrument(names=("send", "receive"))
        assert (library.send, library.receive) == (2, 2)
        Instrumentor().uninstrument()
        assert (library.send, library.receive) == (1, 1)
    assert stopped == [("send", "receive")] * 2


def test_what_fails_half_way_leaves_nothing_replaced() -> None:
    with pytest.raises(AttributeError):
        Instrumentor().instrument(names=("send", "no_such"))
    assert library.send == 1
    assert stopped == [("send", "no_such")]
    assert not Instrumentor().is_instrumented_by_opentelemetry
