"""``python -m compute.image``: the image service."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from paste.deploy import loadapp

import otel_bridge
from compute import conf, wsgi
from compute.conf import CONF, PASTE_CONFIG


@contextmanager
def application() -> Iterator[Any]:
    yield loadapp(f"config:{PASTE_CONFIG}", name="image")


def main() -> int:
    conf.load()
    otel_bridge.setup(CONF, project="image", service="api", host=CONF.host)
    options = CONF.image_api
    return wsgi.serve(
        application, options.listen, options.port, workers=options.workers, threads=options.threads
    )


if __name__ == "__main__":
    sys.exit(main())
