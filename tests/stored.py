"""Traces in a store, for the tests of what reads them back."""

from __future__ import annotations

import urllib.request
from pathlib import Path

from otel_bridge.collector import Server
from otel_bridge.model.trace import Trace
from otel_bridge.stores import otlp_json


def store(path: Path, *stored: Trace) -> str:
    """Put traces into a new database of the embedded backend, the way they really get there.

    Returns:
        The URL of the store.
    """
    server = Server(str(path), otlp_port=0, viewer_port=0)
    server.start()
    try:
        for one in stored:
            send(server, one)
    finally:
        server.stop()
    return f"sqlite:{path}"


def send(server: Server, trace: Trace) -> None:
    """Export a trace to a running backend."""
    request = urllib.request.Request(
        f"{server.otlp_endpoint}/v1/traces",
        data=otlp_json.dumps(trace.spans),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.status == 200
