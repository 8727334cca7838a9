"""Files that the configuration names."""

from __future__ import annotations

import os
import stat

from otel_bridge.config.sources import show


def read_text(path: str, limit: int) -> str:
    """The text of a file, at most ``limit`` characters of it; 0 only tries whether it can be read.

    Bytes that are not UTF-8 come back as surrogate escapes.

    Raises:
        ValueError: it cannot be read; says why, in words for the operator.
    """
    if "\0" in path:
        raise ValueError(f"{show(path)} is no path")
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # to open a pipe would wait for a writer
            raise ValueError(f"{show(path)} is not a file")
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read(limit + 1) if limit else ""
    except OSError as error:
        raise ValueError(f"{show(path)} cannot be read ({error.strerror})") from None
    if len(text) > limit:
        raise ValueError(f"{show(path)} has more than {limit} characters and is not what is expected there")
    return text
