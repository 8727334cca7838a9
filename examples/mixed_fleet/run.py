"""``python run.py``: starts the store and the three services, sends one request, and shows its trace."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
import uuid
from pathlib import Path

from otel_bridge.cli.processes import Process, free_ports, is_served, wait_for
from otel_bridge.stores import TraceNotFound, open_store
from otel_bridge.wire import ids, signing

HERE = Path(__file__).parent
BRIDGE = [sys.executable, "-m", "otel_bridge"]
KEY = "SECRET"
#: That one request leaves: two of shop, two of orders, two of stock, and one of orders again.
SPANS = 7
_BOUND = 60.0  # seconds


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # takes the services along
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as running:
        return run(Path(directory), running)


def run(directory: Path, running: contextlib.ExitStack) -> int:
    otlp_port, viewer, shop, orders, stock = free_ports(5)
    otlp, database = f"127.0.0.1:{otlp_port}", directory / "traces.sqlite"
    url = "http://127.0.0.1:{}/{}".format
    # Of the two services with OpenTelemetry's SDK, which osprofiler's driver uses as well.
    soon = os.environ | {"OTEL_BSP_SCHEDULE_DELAY": "200"}
    standard = soon | {
        "OTEL_SERVICE_NAME": "stock",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{otlp}",
        "OTEL_TRACES_SAMPLER": "parentbased_always_off",
        "OTEL_PROPAGATORS": "osprofiler,tracecontext",
        "OTEL_BRIDGE_HMAC_KEYS": KEY,
    }

    def start(name: str, port: int, command: list[str], environ: dict[str, str] | None = None) -> None:
        process = running.enter_context(Process(name, command, log=directory / f"{name}.log", env=environ))
        wait_for(name, lambda: is_served(port), timeout=_BOUND, processes=[process])

    def service(name: str, port: int, *arguments: str, environ: dict[str, str] | None = None) -> None:
        start(name, port, [sys.executable, str(HERE / f"{name}.py"), str(port), *arguments], environ)

    ports = ["--otlp-port", str(otlp_port), "--port", str(viewer)]
    start("serve", otlp_port, [*BRIDGE, "serve", *ports, "--db", str(database)])
    service("stock", stock, url(orders, "prices"), environ=standard)
    service("orders", orders, url(stock, "stock/tea"), otlp)
    service("shop", shop, url(orders, "orders/tea"), otlp, environ=soon)

    base_id = str(uuid.uuid4())
    info, mac = signing.pack(base_id, base_id, signing.Key(KEY))
    headers = {signing.TRACE_INFO_HEADER: info, signing.TRACE_HMAC_HEADER: mac}
    with urllib.request.urlopen(urllib.request.Request(url(shop, ""), headers=headers)) as response:
        print(response.read().decode(), end="\n\n")

    store = f"sqlite:{database}"
    wait_for("the whole trace", lambda: _has(store, base_id), timeout=_BOUND)
    show = subprocess.run([*BRIDGE, "trace", "show", "--from", store, base_id], check=False)
    return show.returncode


def _has(store: str, base_id: str) -> bool:
    try:
        return len(open_store(store).get(ids.trace_id(base_id)).spans) >= SPANS
    except TraceNotFound:
        return False


if __name__ == "__main__":
    sys.exit(main())
