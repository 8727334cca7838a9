"""Colours of services: the same service has the same colour in every report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from zlib import crc32

#: xterm-256 colours that can be read on black as well as on white, and told apart by most people.
TERMINAL = (32, 166, 35, 133, 136, 67, 168, 30, 97, 131, 64, 172)
SLOTS = len(TERMINAL)


def assign(services: Iterable[str]) -> Mapping[str, int]:
    """A slot of the palette for each service name.

    The slot is a hash of the name, so it is the same from trace to trace; where two services of one
    trace want the same, the later one in the alphabet takes the next free slot.
    """
    slots: dict[str, int] = {}
    taken: set[int] = set()
    for service in sorted(set(services)):
        slot = crc32(service.encode("utf-8", "surrogatepass")) % SLOTS
        if len(taken) < SLOTS:
            while slot in taken:
                slot = (slot + 1) % SLOTS
        taken.add(slot)
        slots[service] = slot
    return slots
