"""One HTML document: its style sheets, scripts and data inside, and a policy that allows nothing else.

What a page is given as data is only ever read as JSON by its own scripts; the browser runs no script and
applies no style sheet of which the policy does not name the hash.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib import resources
from types import MappingProxyType
from typing import Final, NamedTuple

from otel_bridge.reports.text import inert
from otel_bridge.version import __version__

_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_MAX_TITLE: Final = 200

#: What ends a style sheet or script before its end, or makes the browser read it otherwise.
_UNSAFE: Final = re.compile(r"</(?:script|style)|<!--|\r|\0", re.IGNORECASE)

_NAME: Final = re.compile(r"[a-z][a-z0-9-]*")

_encode: Final = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode


class Page(NamedTuple):
    """A document, and its policy: what a server sends as ``Content-Security-Policy`` with it.

    The document says the same policy itself, for where no server is.
    """

    html: str
    policy: str


def document(
    *,
    title: str,
    styles: Sequence[str],
    scripts: Sequence[str],
    body: str,
    data: Mapping[str, object] = _NOTHING,
    connect: bool = False,
) -> Page:
    """One HTML document that loads nothing.

    Args:
        title: text of any origin.
        styles: style sheets, in their order.
        scripts: classic scripts, run in their order once everything else is there. No script may write
            HTML (``innerHTML`` and the like): the policy demands trusted types and allows none.
        body: HTML; what is of unknown origin in it is escaped already.
        data: values that ``json.dumps`` takes. Each becomes the text of a ``<script
            type="application/json">`` element whose id is its name.
        connect: the page may fetch from the server that it came from, and send forms to it.

    Raises:
        ValueError: a style sheet or script that HTML cannot hold, a name that is none, or data with NaN,
            an infinity, or lists that contain themselves.
        TypeError: data that JSON has no word for.
        RecursionError: data that is nested too deep.
    """
    policy = _policy(styles, scripts, connect)
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
        # A policy in a page holds for what follows it.
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n',
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
        '<meta name="color-scheme" content="light dark">\n',
        '<meta name="referrer" content="no-referrer">\n',
        f'<meta name="generator" content="otel-bridge {__version__}">\n',
        f"<title>{escape(inert(title, limit=_MAX_TITLE))}</title>\n",
    ]
    parts += (f"<style>{sheet}</style>\n" for sheet in styles)
    parts.append(f"</head>\n<body>\n{body}\n")
    for name, value in data.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be the id of an element")
        parts.append(f'<script type="application/json" id="{name}">{embedded(value)}</script>\n')
    parts += (f"<script>{script}</script>\n" for script in scripts)
    parts.append("</body>\n</html>\n")
    return Page("".join(parts), policy)


def embedded(value: object) -> str:
    """JSON text of ``value`` that is safe between ``<script>`` and ``</script>``: all ASCII, and without
    ``<``, ``>`` and ``&``. For what is raised see :func:`document`."""
    text = _encode(value)
    # Outside strings JSON has none of the three, so an escape means the same.
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@functools.cache
def resource(name: str) -> str:
    """The text of a file of this package: a style sheet or a script.

    Raises:
        FileNotFoundError: there is no such file.
    """
    return resources.files("otel_bridge.reports").joinpath(name).read_text(encoding="utf-8")


def _policy(styles: Sequence[str], scripts: Sequence[str], connect: bool) -> str:
    connections = "; connect-src 'self'" if connect else ""
    return (
        f"default-src 'none'; script-src {_hashes(scripts)}; style-src {_hashes(styles)}{connections}; "
        f"base-uri 'none'; form-action {_quoted('self' if connect else 'none')}; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _hashes(sources: Iterable[str]) -> str:
    return " ".join(map(_hash, sources)) or _quoted("none")


@functools.lru_cache(maxsize=64)
def _hash(source: str) -> str:
    unsafe = _UNSAFE.search(source)
    if unsafe:
        raise ValueError(f"a style sheet or script cannot hold {unsafe[0]!r}")
    digest = hashlib.sha256(source.encode("utf-8")).digest()
    return _quoted(f"sha256-{base64.b64encode(digest).decode('ascii')}")


def _quoted(word: str) -> str:
    return f"'{word}'"
