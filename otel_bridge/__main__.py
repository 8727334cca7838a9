"""``python -m otel_bridge``: the same as ``otel-bridge``."""

from __future__ import annotations

import sys

from otel_bridge.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
