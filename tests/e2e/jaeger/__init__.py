"""A real Jaeger, built from the Go module of this directory."""

from __future__ import annotations

import json
from pathlib import Path

from e2e.go_tools import Started, Tool
from otel_bridge.cli.processes import Process, free_ports
from otel_bridge.stores import StoreError, open_store
from otel_bridge.stores.protocol import TraceQuery

TOOL = Tool("Jaeger", Path(__file__).parent, "github.com/jaegertracing/jaeger/cmd/jaeger", "JAEGER_BIN")


class Jaeger(Started):
    """A running Jaeger with its storage in memory."""

    def __init__(self, directory: Path) -> None:
        program = TOOL.binary()
        otlp, query, grpc, health = free_ports(4)
        #: For ``[otel_bridge] endpoint``.
        self.endpoint = f"http://127.0.0.1:{otlp}"
        #: For :func:`otel_bridge.stores.open_store`.
        self.store_url = f"jaeger+http://127.0.0.1:{query}"
        config = directory / "jaeger.yaml"
        config.write_text(json.dumps(_config(otlp, query, grpc, health)))  # YAML takes JSON as it is
        process = Process("Jaeger", [str(program), "--config", str(config)], log=directory / "jaeger.log")
        super().__init__(process, self._answers)

    def _answers(self) -> bool:
        try:
            open_store(self.store_url).list(TraceQuery(limit=1))
        except StoreError:
            return False
        return True


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
