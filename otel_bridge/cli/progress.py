"""One line on a terminal that tells how far reading has come, where it takes long."""

from __future__ import annotations

import sys
import threading
from time import monotonic
from typing import Final, TextIO

from otel_bridge.reports import units
from otel_bridge.reports.text import clip, inert

#: Seconds before anything is shown.
PATIENCE: Final = 1.0
#: Seconds between two times that it is drawn.
INTERVAL: Final = 0.2

_ERASE = "\r\x1b[K"


class Progress:
    """Draws ``reading jaeger+http://... 12.3 MB, 45,000 spans`` while a store is read, and erases it then.

    An :class:`~otel_bridge.stores.options.Observer`. Where the stream is no terminal, only notes are written.
    """

    def __init__(
        self,
        what: str,
        stream: TextIO | None = None,
        *,
        width: int = 80,
        patience: float = PATIENCE,
        interval: float = INTERVAL,
    ) -> None:
        """
        Args:
            what: is read, without credentials.
            stream: where to draw; standard error when None.
            width: columns of the terminal.
            patience: seconds that reading may take before anything is drawn.
            interval: seconds between two times that it is drawn.
        """
        self._what = inert(what)
        self._stream = sys.stderr if stream is None else stream
        self._width = width
        self._patience, self._interval = patience, interval
        self._received = self._spans = 0
        self._notes: list[str] = []
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._received = self._spans = 0
        if not self._stream.isatty():
            return
        self._over.clear()
        self._thread = threading.Thread(target=self._draw, name="progress", daemon=True)
        self._thread.start()

    def update(self, received: int, spans: int) -> None:
        self._received, self._spans = received, spans

    def note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)

    def finish(self) -> None:
        if self._thread is not None:
            self._over.set()
            self._thread.join()
            self._thread = None
        for note in self._notes:
            self._write(f"otel-bridge: note: {inert(note)}\n")
        self._notes.clear()

    def line(self) -> str:
        """What is drawn now."""
        text = f"reading {self._what}"
        if self._received or self._spans:
            so_far = [f"{self._received / 1e6:,.1f} MB"] if self._received else []
            so_far += [units.count(self._spans, "span")] if self._spans else []
            text = f"{clip(text, max(self._width - 32, 20))} {', '.join(so_far)}"
        return clip(text, self._width - 1)

    def _draw(self) -> None:
        began = monotonic()
        wait, drawn = self._patience, False
        while not self._over.wait(wait):
            line = self.line()
            if not (self._received or self._spans):
                line = clip(f"{line}: no answer for {monotonic() - began:.0f} s", self._width - 1)
            drawn = self._write(f"{_ERASE}{line}") or drawn
            wait = self._interval
        if drawn:
            self._write(_ERASE)

    def _write(self, text: str) -> bool:
        """Whether it could be written: nothing fails because of a line that only entertains."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            return False
        return True
