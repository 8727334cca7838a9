"""``python -m e2e.jaeger``: has Jaeger built where it is not yet, so that nobody waits without knowing."""

import sys

import pytest

from e2e.jaeger import TOOL

if __name__ == "__main__":
    print("Jaeger is built from source if it was not before: some five minutes", flush=True)
    try:
        print(TOOL.binary())
    except (pytest.fail.Exception, pytest.skip.Exception) as error:
        sys.exit(str(error))
