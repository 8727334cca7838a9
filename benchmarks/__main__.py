"""``python -m benchmarks [--json FILE] [--only NAME ...] [--quick]``."""

from __future__ import annotations

import argparse
import json
import sys
import time

from benchmarks import receiver, results, table
from benchmarks.cases import CASES
from benchmarks.peers import versions
from benchmarks.runner import run


def main(arguments: list[str] | None = None) -> int:
    """Run the cases and print the table.

    Returns:
        0, or 1 where a contender failed. A goal that is not met is shown, and is no failure.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Cost of tracing beside its peers."
    )
    parser.add_argument("--json", metavar="FILE", help="write the results there, too")
    parser.add_argument("--only", metavar="NAME", nargs="+", choices=CASES, help=f"of {', '.join(CASES)}")
    parser.add_argument("--quick", action="store_true", help="few repetitions: figures are coarse")
    options = parser.parse_args(arguments)
    found: list[results.Result] = []
    problems: list[str] = []
    with receiver.running() as url:
        for name in options.only or CASES:
            begin = time.monotonic()
            measured = run(CASES[name], url, quick=options.quick)
            found += results.of(measured)
            problems += measured.problems
            print(f"{name}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    print(table.text(found))
    print(f"\n{', '.join(f'{name} {version}' for name, version in versions().items() if version)}")
    print("Minima over interleaved repetitions (losses and growth: the worst); CPU time; gc as it is.")
    for problem in problems:
        print(f"failed: {problem}", file=sys.stderr)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(table.document(found, quick=options.quick, problems=problems), file, indent=2)
            file.write("\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
