"""An OTLP/HTTP trace receiver in a process of its own, which counts spans and keeps nothing.

Every request is parsed with the generated classes before it is answered. Spans are counted by the path in
front of ``/v1/traces``, so that one receiver serves a whole run.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_PATH = "/v1/traces"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    spans: Counter[str] = Counter()
    lock = threading.Lock()

    def do_POST(self) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        request = ExportTraceServiceRequest.FromString(body)
        count = sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)
        with self.lock:
            self.spans[self.path.removesuffix(_PATH)] += count
        self._answer(b"", "application/x-protobuf")

    def do_GET(self) -> None:
        with self.lock:
            count = self.spans[self.path]
        self._answer(json.dumps(count).encode(), "application/json")

    def _answer(self, body: bytes, content_type: str) -> None:
        self.send_response_only(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Not logged."""


def received(endpoint: str) -> int:
    """Spans that have arrived at ``{endpoint}/v1/traces`` so far."""
    with urllib.request.urlopen(endpoint, timeout=30) as response:
        count: int = json.load(response)
    return count


@contextmanager
def running() -> Iterator[str]:
    """A receiver for as long as the context lasts; gives its base URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


def main() -> None:
    """Serve until standard input is closed, which also happens when the parent dies."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
