"""A real Grafana Tempo, built from the Go module of this directory.

It is version 1.5.0, the newest that the module registry has: Tempo's module path has no ``/v2``, so later
releases are no versions of it. It has the older API of traces and no TraceQL; its search, which was an
experiment then, answers but finds nothing in a build by today's Go.
"""

from __future__ import annotations

import json
from pathlib import Path

from e2e.go_tools import Started, Tool
from otel_bridge.cli.processes import Process, free_ports
from otel_bridge.stores import StoreError, open_store
from otel_bridge.stores.options import StoreOptions
from otel_bridge.stores.protocol import TraceQuery

TOOL = Tool(
    "Tempo",
    Path(__file__).parent,
    ".",
    "TEMPO_BIN",
    # Its golang.org/x/net is from before Go looked at who links to what.
    ldflags="-s -w -checklinkname=0",
)


class Tempo(Started):
    """A running Tempo, all of it in one process, with its storage in a directory."""

    def __init__(self, directory: Path, *, tenant: str | None = None) -> None:
        """
        Args:
            directory: for its blocks, its log and its configuration.
            tenant: with one, it wants to be told a tenant with each request, and waits for that one.
        """
        program = TOOL.binary()
        otlp, http, grpc = free_ports(3)
        #: For ``[otel_bridge] endpoint``.
        self.endpoint = f"http://127.0.0.1:{otlp}"
        #: For :func:`otel_bridge.stores.open_store`.
        self.store_url = f"tempo+http://127.0.0.1:{http}"
        self.headers = {} if tenant is None else {"X-Scope-OrgID": tenant}
        config = directory / "tempo.yaml"
        config.write_text(json.dumps(_config(directory, otlp, http, grpc, tenant is not None)))
        process = Process("Tempo", [str(program), f"-config.file={config}"], log=directory / "tempo.log")
        super().__init__(process, self._answers)

    def _answers(self) -> bool:
        try:
            open_store(self.store_url, StoreOptions(headers=self.headers)).list(TraceQuery(limit=1))
        except StoreError:
            return False
        return True


def _config(directory: Path, otlp: int, http: int, grpc: int, tenants: bool) -> dict[str, object]:
    ring = {"kvstore": {"store": "inmemory"}}
    here = {"instance_addr": "127.0.0.1", "instance_interface_names": ["lo"]}
    return {
        "search_enabled": True,
        "multitenancy_enabled": tenants,
        "auth_enabled": tenants,
        "usage_report": {"reporting_enabled": False},
        "server": {
            "http_listen_address": "127.0.0.1",
            "http_listen_port": http,
            "grpc_listen_address": "127.0.0.1",
            "grpc_listen_port": grpc,
            "log_level": "warn",
        },
        "distributor": {
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{otlp}"}}}},
            "ring": {**ring, **here},
        },
        "ingester": {
            "lifecycler": {
                "address": "127.0.0.1",
                "interface_names": ["lo"],
                "ring": {**ring, "replication_factor": 1},
                "min_ready_duration": "0s",
            },
        },
        "compactor": {"ring": {**ring, **here}},
        "querier": {"frontend_worker": {"frontend_address": f"127.0.0.1:{grpc}"}},
        "memberlist": {"bind_addr": ["127.0.0.1"], "abort_if_cluster_join_fails": False},
        "storage": {
            "trace": {
                "backend": "local",
                "local": {"path": str(directory / "blocks")},
                "wal": {"path": str(directory / "wal")},
            }
        },
    }
