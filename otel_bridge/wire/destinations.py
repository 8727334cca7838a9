"""Which hosts the signed headers may go to: names, domains and networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

_EVERYWHERE: Final = "*"
#: Characters of a name in the DNS.
_LONGEST_NAME: Final = 253
#: Hosts that are remembered with their answer.
_REMEMBERED: Final = 1024


def is_loopback(host: str) -> bool:
    """Whether a host, as URLs name it, is this machine for certain: ``localhost``, or a loopback address."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Destinations:
    """A list of hosts. Names are compared as they stand in URLs; nothing is resolved."""

    def __init__(self, entries: Iterable[str]) -> None:
        """
        Args:
            entries: ``keystone.example.org``; ``.example.org`` for that domain and all below it;
                ``192.0.2.10`` and ``2001:db8::/32`` for URLs that name an address; ``*`` for all.

        Raises:
            ValueError: an entry is none of these; the text says which one and why.
        """
        self._names: set[str] = set()
        self._domains: list[str] = []
        self._networks: list[IPv4Network | IPv6Network] = []
        self._all = False
        for entry in entries:
            self._add(entry)
        #: Whether a host, as URLs name it, is in the list. False for what is no host at all.
        self.allow: Callable[[str], bool] = lru_cache(_REMEMBERED)(self._find)

    def _add(self, entry: str) -> None:
        text = plain_host(entry)
        if text == _EVERYWHERE:
            self._all = True
            return
        try:
            self._networks.append(ip_network(text))
            return
        except ValueError as error:
            if "/" in text and _is_address(text.partition("/")[0]):
                raise ValueError(f"{entry!r} is no network: {error}") from None
        name = text.removeprefix(".")
        if not name or any(mark in name for mark in "/:@*?# \t") or name.startswith("."):
            raise ValueError(
                f"{entry!r} is no host name, .domain or IP network (a URL or a port does not belong there)"
            )
        if not name.isascii():
            raise ValueError(f"{entry!r} is no host name as URLs have it: write it in ASCII, as xn--...")
        if text.startswith("."):
            self._domains.append(text)
        self._names.add(name)

    def _find(self, host: str) -> bool:
        if self._all:
            return True
        name = plain_host(host)
        if name in self._names or any(name.endswith(domain) for domain in self._domains):
            return True
        try:
            address = ip_address(name)
        except ValueError:
            return False
        forms = (address, getattr(address, "ipv4_mapped", None) or address)
        return any(form in network for network in self._networks for form in forms)


def plain_host(host: str) -> str:
    """A host in the one spelling that is compared: no brackets, no dot at the end, lower case; ASCII
    where that is unambiguous. Never raises."""
    text = host.strip().lower().rstrip(".")
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if text.isascii() or len(text) > _LONGEST_NAME:
        return text
    try:
        name = text.encode("idna")
        # Not where Python makes another name of it ("ss" of "ß"): HTTP libraries go by a newer standard.
        return name.decode("ascii") if name.decode("idna") == text else text
    except UnicodeError:
        return text


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
