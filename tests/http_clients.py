"""An instrumentation of an HTTP client, switched on for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def instrumented_by(
    instrumentor: Callable[[], Any], places: Sequence[tuple[type, str]], provider: Any, **options: Any
) -> Iterator[None]:
    """Instrument with ``provider``; afterwards all ``places`` (a class and a name) have to be as before."""
    found = [owner.__dict__[name] for owner, name in places]
    instrumentor().instrument(tracer_provider=provider, **options)
    try:
        yield
    finally:
        instrumentor().uninstrument()
        assert [owner.__dict__[name] for owner, name in places] == found
