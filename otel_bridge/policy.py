"""Which requests are traced that nobody signed: frozen values and pure decisions.

What is signed with a valid key is traced in any case; nothing here is asked about it.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Network = IPv4Network | IPv6Network

_RULE = re.compile(
    r"(?:(?P<service>[A-Za-z0-9_][A-Za-z0-9_.-]*)\s*:\s*)?"
    r"(?:(?P<method>[A-Za-z]+)\s+)?"
    r"(?P<path>/[^\s*]*)(?P<prefix>\*)?"
    r"\s*=\s*(?P<ratio>[0-9.]{1,20})",
    re.ASCII,
)
#: The bits of a trace id that a UUID of version 4 leaves to chance, and that W3C asks to be random.
RANDOM_BITS: Final = 56
_MASK = (1 << RANDOM_BITS) - 1
_SPLIT_FORWARDED = re.compile(r"[\s,;=\"']+")
#: Characters of forwarding headers that are looked at; with more, a request is not believed.
_LONGEST_FORWARDED = 2048


def keeps(trace_id: int, ratio: float) -> bool:
    """Whether a trace belongs to the part that a ratio of 0 to 1 keeps; always the same of one trace.

    The right-most 56 bits decide: the low 64, which OpenTelemetry's own sampler compares, hold two bits that
    are the same in every UUID, so that up to one half it would keep nothing.
    """
    return trace_id & _MASK < ratio * (1 << RANDOM_BITS)


@dataclass(frozen=True, slots=True)
class Rule:
    """A ratio for requests of one method, or of all, to one path, or to all that begin with it."""

    path: str
    ratio: float
    method: str | None = None
    prefix: bool = False

    def fits(self, method: str, path: str) -> bool:
        if self.method is not None and self.method != method:
            return False
        return path.startswith(self.path) if self.prefix else path == self.path


def parse_rule(text: str) -> tuple[str | None, Rule]:
    """``[SERVICE:] [METHOD] /path[*] = RATIO``.

    Returns:
        The service that it is for, None for all of them, and the rule.

    Raises:
        ValueError: it is none; says what is expected.
    """
    found = _RULE.fullmatch(text.strip())
    try:
        ratio = float(found["ratio"]) if found is not None else -1.0
    except ValueError:
        ratio = -1.0
    if found is None or not 0 <= ratio <= 1:
        raise ValueError("expected [SERVICE:] [METHOD] /PATH = RATIO, with * at the end of PATH if at all")
    method: str | None = found["method"]
    return found["service"], Rule(
        found["path"], ratio, method and method.upper(), found["prefix"] is not None
    )


def parse_network(text: str) -> Network:
    """An address or a network, ``192.0.2.1`` or ``2001:db8::/32``.

    Raises:
        ValueError: it is neither.
    """
    try:
        return ip_network(text.strip())
    except ValueError:
        raise ValueError("expected an IP address, or a network such as 192.0.2.0/24") from None


@dataclass(frozen=True, slots=True)
class Policy:
    """What was configured about requests without a signature; true if anything was."""

    #: Part of them that is traced, where no rule fits; None: not set, which is none of them.
    ratio: float | None = None
    #: Ratios for some of them; the first that fits decides.
    rules: tuple[Rule, ...] = ()
    #: Where requests come from whose ``traceparent`` is believed.
    proxies: tuple[Network, ...] = ()

    def __bool__(self) -> bool:
        return self.ratio is not None or bool(self.rules) or bool(self.proxies)

    def ratio_of(self, method: str, path: str) -> float:
        """The part of the requests like this one that is traced."""
        for rule in self.rules:
            if rule.fits(method, path):
                return rule.ratio
        return self.ratio or 0.0

    def believes(self, address: str, forwarded: str = "") -> bool:
        """Whether a request's ``traceparent`` counts.

        Args:
            address: that the connection comes from (``REMOTE_ADDR``).
            forwarded: the forwarding headers of the request. Middleware that takes the client's address
                from them has put what anybody may have written into ``REMOTE_ADDR``: not believed.
        """
        if not self.proxies or not _is_in(self.proxies, address):
            return False
        if not forwarded:
            return True
        if len(forwarded) > _LONGEST_FORWARDED:
            return False
        own = _parse_address(address)
        return all(_parse_address(_without_port(text)) != own for text in _SPLIT_FORWARDED.split(forwarded))


@functools.lru_cache(maxsize=256)
def _is_in(networks: tuple[Network, ...], address: str) -> bool:
    found = _parse_address(address)
    return found is not None and any(found in network for network in networks)


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:  # the name of a socket, or nothing
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def _without_port(text: str) -> str:
    """The address of an entry of a forwarding header: servers that believe it take port and brackets off."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
