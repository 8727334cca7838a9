"""Where an endpoint is, and how long one may look for it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple


class Way(NamedTuple):
    """The way to an endpoint, and who says so."""

    #: A name or an address, as the resolver takes it.
    host: str
    port: int
    #: None: no TLS.
    context: ssl.SSLContext | None
    #: The option or variable that names the endpoint.
    named_by: str
    #: File of the certificate authorities to trust; None: those of the system.
    certificate: str | None = None


def deadline(seconds: float) -> Callable[[], float]:
    """Seconds that remain of a time which begins now."""
    end = monotonic() + seconds
    return lambda: end - monotonic()
