"""How a store is reached, beyond its URL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Protocol

#: Seconds that one request may take in all.
TIMEOUT: Final = 30.0


class Observer(Protocol):
    """Is told how far reading has come: what a progress line is made of. It must not raise."""

    def start(self) -> None:
        """Reading begins."""

    def update(self, received: int, spans: int) -> None:
        """
        Args:
            received: bytes that came since :meth:`start`; 0 where nobody counts them.
            spans: spans that were read since then.
        """

    def note(self, text: str) -> None:
        """What was read is not all, or not as it should be: one line that says so."""

    def finish(self) -> None:
        """Reading is over, well or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """What every store takes; those that are files have no use for most of it."""

    #: Sent with each request, and never to where an answer would redirect to. Secret.
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    #: PEM file of the certificate authorities to trust with ``https``; None: those of the system.
    ca_file: str | None = None
    #: PEM file of this client's certificate and its chain, for mutual TLS.
    cert_file: str | None = None
    #: PEM file of the key that belongs to it; None: it is in the same file.
    key_file: str | None = None
    #: Seconds for each request, the whole answer included.
    timeout: float = TIMEOUT
    #: Is told how reading comes along.
    observer: Observer | None = field(default=None, repr=False, compare=False)

    def without_credentials(self) -> StoreOptions:
        """The same for a store that is another one than they were given for."""
        return replace(self, headers=MappingProxyType({}), cert_file=None, key_file=None)


#: No headers, the system's authorities, the usual patience.
USUAL: Final = StoreOptions()
