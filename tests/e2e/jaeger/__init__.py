"""A real Jaeger, built from the Go module of this directory.

``go.mod`` names Jaeger's command as a tool, because ``go install`` refuses modules with a ``replace``.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from types import TracebackType

from e2e import required
from otel_bridge.cli.processes import Process, free_ports, wait_for
from otel_bridge.stores import StoreError, open_store
from otel_bridge.stores.protocol import TraceQuery

_MODULE = Path(__file__).parent
_PACKAGE = "github.com/jaegertracing/jaeger/cmd/jaeger"
_BUILD_TIMEOUT = 1500  # seconds: five minutes on two cores, longer where others work too
_START_TIMEOUT = 60.0


def binary() -> Path:
    """Jaeger's program: that of ``JAEGER_BIN``, the one built before, or one that is built now."""
    given = os.environ.get("JAEGER_BIN")
    if given:
        if not os.access(given, os.X_OK):
            required.missing(f"JAEGER_BIN={given} is no program")
        return Path(given)
    sums = b"".join((_MODULE / name).read_bytes() for name in ("go.mod", "go.sum"))
    built = _cache() / f"jaeger-{hashlib.sha256(sums).hexdigest()[:16]}"
    if not built.exists():
        _build(built)
    return built


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME", "")
    directory = (Path(home) if os.path.isabs(home) else Path.home() / ".cache") / "otel_bridge"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _build(target: Path) -> None:
    go = required.program("go", "Jaeger is built with Go >= 1.25; or set JAEGER_BIN to a Jaeger v2 binary")
    unfinished = target.with_name(f"{target.name}.{os.getpid()}")
    command = [go, "build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w", "-o", str(unfinished), _PACKAGE]
    try:
        done = subprocess.run(
            command, cwd=_MODULE, capture_output=True, text=True, timeout=_BUILD_TIMEOUT, check=False
        )
        if done.returncode:
            required.missing(f"Jaeger could not be built: {done.stderr[-2000:].strip()}")
        # Moved into place whole, so that a build that was interrupted is not taken for a finished one.
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)


class Jaeger:
    """A running Jaeger with its storage in memory."""

    def __init__(self, directory: Path) -> None:
        program = binary()
        otlp, query, grpc, health = free_ports(4)
        #: For ``[otel_bridge] endpoint``.
        self.endpoint = f"http://127.0.0.1:{otlp}"
        #: For :func:`otel_bridge.stores.open_store`.
        self.store_url = f"jaeger+http://127.0.0.1:{query}"
        config = directory / "jaeger.yaml"
        config.write_text(json.dumps(_config(otlp, query, grpc, health)))  # YAML takes JSON as it is
        self.process = Process(
            "Jaeger", [str(program), "--config", str(config)], log=directory / "jaeger.log"
        )
        try:
            self.process.start()
            wait_for("an answer of Jaeger", self._answers, timeout=_START_TIMEOUT, processes=[self.process])
        except BaseException:
            self.process.stop()
            raise

    def _answers(self) -> bool:
        try:
            open_store(self.store_url).list(TraceQuery(limit=1))
        except StoreError:
            return False
        return True

    def __enter__(self) -> Jaeger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # It waits for connections to end that are kept alive; and it has nothing to save.
        self.process.stop(timeout=1.0)


def _config(otlp: int, query: int, grpc: int, health: int) -> dict[str, object]:
    def at(port: int) -> dict[str, str]:
        return {"endpoint": f"127.0.0.1:{port}"}

    return {
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query", "healthcheckv2"],
            # No batch processor: what an export was answered for can be read at once.
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}},
            "telemetry": {"metrics": {"level": "none"}},
        },
        "extensions": {
            "healthcheckv2": {"use_v2": True, "http": at(health)},
            "jaeger_query": {"storage": {"traces": "memory"}, "http": at(query), "grpc": at(grpc)},
            "jaeger_storage": {"backends": {"memory": {"memory": {"max_traces": 10000}}}},
        },
        "receivers": {"otlp": {"protocols": {"http": at(otlp)}}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
    }
