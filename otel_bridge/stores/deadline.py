"""Reading a socket until a moment in time, however slowly the other side sends.

A socket's own time-out starts anew with every byte: who sends one byte a second is waited for without
end. Both the answers of stores and the requests of clients are read through this.
"""

from __future__ import annotations

import io
import socket
from math import inf
from time import monotonic
from typing import Any


class DeadlineReader(io.RawIOBase):
    """The reading half of a socket as a raw stream; wrap it into ``io.BufferedReader``.

    A read that is not over at :attr:`deadline` raises ``TimeoutError``. Closing it leaves the socket open.
    """

    def __init__(self, sock: socket.socket, deadline: float = inf) -> None:
        """
        Args:
            sock: a connected socket, plain or TLS. Its time-out is changed with each read.
            deadline: ``time.monotonic()`` at which reading ends; may be moved at any time.
        """
        super().__init__()
        self._sock = sock
        self.deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.deadline != inf:
            left = self.deadline - monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            self._sock.settimeout(left)
        return self._sock.recv_into(buffer)
