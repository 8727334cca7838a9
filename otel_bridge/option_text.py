"""What the modules of options share."""

from __future__ import annotations

from typing import Final

#: Largest integer that an option takes, the range that the environment variables have to support.
MAX_INT: Final = 2**31 - 1


def flow(text: str) -> str:
    """One line a paragraph: who prints the help, the sample file or the documentation, breaks the lines."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
