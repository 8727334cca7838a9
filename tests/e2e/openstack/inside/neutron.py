"""``neutron.py PORT``: a Neutron that has nothing. Nova asks it for ports and security groups of a server."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        collection = self.path.partition("?")[0].rstrip("/").rpartition("/")[2].removesuffix(".json")
        if collection in ("", "v2.0"):
            link = {"rel": "self", "href": f"http://127.0.0.1:{self.server.server_port}/v2.0/"}
            body = {"versions": [{"id": "v2.0", "status": "CURRENT", "links": [link]}]}
        else:
            body = {collection.replace("-", "_"): []}
        answer = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_args: object) -> None:
        """Nobody reads it."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
