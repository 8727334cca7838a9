"""The process of one contender: ``python -m benchmarks.worker CASE CONTENDER ENDPOINT [--quick]``.

It does one repetition for each line on standard input and answers with one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys

from benchmarks.case import Setting
from benchmarks.cases import CASES


def main(case: str, contender: str, endpoint: str, *options: str) -> None:
    """See the module."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is not an answer
    (found,) = [one for one in CASES[case].contenders if one.name == contender]
    setting = Setting(endpoint, "--quick" in options)
    with found.prepare(setting) as measure:
        for _ in sys.stdin:
            print(json.dumps(dict(measure())), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
