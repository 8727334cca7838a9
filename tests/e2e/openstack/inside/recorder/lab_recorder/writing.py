"""JSON lines, one file for each process."""

from __future__ import annotations

import json
import os

_write, _getpid = os.write, os.getpid  # not eventlet's
_file: tuple[int, int] = (0, -1)  # of which process, descriptor


def write(record: str, **fields: object) -> None:
    """Append a line: which record it is, the process and the service, and the fields."""
    global _file
    pid = _getpid()
    service = os.environ.get("LAB_SERVICE", "")
    if _file[0] != pid:
        path = os.path.join(os.environ["LAB_RECORD"], f"{service or 'command'}-{pid}.jsonl")
        _file = (pid, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    line = json.dumps({"record": record, "pid": pid, "service": service, **fields}, default=str)
    # One call: lines of several threads do not mix.
    _write(_file[1], line.encode() + b"\n")
