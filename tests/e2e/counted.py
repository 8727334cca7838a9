"""Runs a module as ``python -m`` does; each process then writes what became of its spans to its output.

Not a test: the tests start the example's roles with it.
"""

import atexit
import dataclasses
import json
import runpy
import sys

MARK = "spans: "


def _report() -> None:
    import otel_bridge

    print(MARK + json.dumps(dataclasses.asdict(otel_bridge.stats())), flush=True)


if __name__ == "__main__":
    # Registered before anything else, so it runs last: after the pipeline has been flushed.
    atexit.register(_report)
    module = sys.argv.pop(1)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
