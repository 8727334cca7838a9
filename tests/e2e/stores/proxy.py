"""What stands in front of a store: TLS, credentials and a base path; or an old store in a new one's place."""

from __future__ import annotations

import base64
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

INDEX = b"<!doctype html><title>Jaeger UI</title>"


@contextmanager
def proxying(
    target: str,
    *,
    base: str = "",
    credentials: str | None = None,
    header: tuple[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    hidden: tuple[str, ...] = (),
) -> Iterator[str]:
    """A reverse proxy on loopback while the block lasts; gives ``HOST:PORT``.

    Args:
        target: URL of the store.
        base: path below which the store is.
        credentials: ``USER:PASSWORD`` that is asked for.
        header: name and value that is asked for.
        tls: the server's certificate.
        hidden: paths beginning like this are answered by a page, as a Jaeger does that does not know them.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = "Basic " + base64.b64encode((credentials or "").encode()).decode()
            if credentials and self.headers["Authorization"] != wanted:
                self._answer(401, "text/plain", b"")
            elif header and self.headers[header[0]] != header[1]:
                self._answer(401, "text/plain", b"no org id")
            elif not self.path.startswith(f"{base}/"):
                self._answer(404, "text/plain", b"404 page not found")
            elif self.path.removeprefix(base).startswith(hidden or ("\0",)):
                self._answer(200, "text/html", INDEX)
            else:
                self._forward(self.path.removeprefix(base))

        def _forward(self, path: str) -> None:
            try:
                with urllib.request.urlopen(target + path, timeout=60) as answer:
                    self._answer(answer.status, answer.headers["Content-Type"], answer.read())
            except urllib.error.HTTPError as error:
                with error:
                    self._answer(error.code, error.headers["Content-Type"], error.read())

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
