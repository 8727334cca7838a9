"""What our instrumentors have in common: they replace functions, and put them back."""

from __future__ import annotations

from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]

from otel_bridge.replacing import Replacements


class ReplacingInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """An instrumentor that replaces what it finds in a library until ``uninstrument()``.

    A subclass has :meth:`_replace`. What else is to end, it gives to :meth:`Replacements.at_undo`.
    """

    _replacements: Replacements | None = None

    def _replace(self, replacements: Replacements, **options: Any) -> None:
        """Replace what has to be; ``options`` are those of ``instrument()``."""
        raise NotImplementedError

    def _instrument(self, **options: Any) -> None:
        replacements = Replacements()
        try:
            self._replace(replacements, **options)
        except BaseException:  # half instrumented would be worse than either
            replacements.undo()
            raise
        self._replacements = replacements

    def _uninstrument(self, **_options: Any) -> None:
        replacements, self._replacements = self._replacements, None
        if replacements is not None:
            replacements.undo()
