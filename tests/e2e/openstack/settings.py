"""What can be told the lab, from the environment or by a test."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

#: Those whose configuration files can differ.
PROJECTS = ("keystone", "glance", "placement", "nova")

#: Distinctive, so that they can be searched for wherever they should not be.
PASSWORDS: Mapping[str, str] = MappingProxyType(
    {
        "database": "database-password-LEAK",
        "rabbitmq": "rabbitmq-password-LEAK",
        "admin": "admin-password-LEAK",
        "glance": "glance-password-LEAK",
        "placement": "placement-password-LEAK",
        "nova": "nova-password-LEAK",
        "neutron": "neutron-password-LEAK",
    }
)
HMAC_KEY = "hmac-key-LEAK"


@dataclass(frozen=True)
class Settings:
    """One configuration of the services; a lab is restarted for another one.

    Attributes:
        connection_string: ``[profiler] connection_string`` of all projects.
        connection_strings: those of single projects, where they differ.
        hmac_key: ``[profiler] hmac_keys``.
        concurrency: Nova's ``concurrency_backend``: auto (native threads), threading or eventlet.
        otel_bridge: options of ``[otel_bridge]``, in every service.
        record: the directory for what the recorder sees (see :mod:`inside.recorder`), or None.
        api_threads: of each WSGI server.
        placement_fix: let upstream's ``otlp://`` driver start in Placement, which it does not by itself.
        environment: more variables for the services.
    """

    connection_string: str = "otel://127.0.0.1:4318"
    connection_strings: Mapping[str, str] = field(default_factory=dict)
    hmac_key: str = HMAC_KEY
    concurrency: str = "auto"
    otel_bridge: Mapping[str, str] = field(default_factory=dict)
    record: Path | None = None
    api_threads: int = 8
    placement_fix: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    def connection_of(self, project: str) -> str:
        """The connection string of a project's services."""
        return self.connection_strings.get(project, self.connection_string)


def from_environ(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings of ``make lab-up``.

    ``CONNECTION_STRING``, ``KEYSTONE_CONNECTION_STRING`` and so on, ``HMAC_KEY``, ``CONCURRENCY``,
    ``API_THREADS``, ``PLACEMENT_FIX=1``, ``RECORD`` (a directory), and in ``OTEL_BRIDGE_OPTIONS`` lines of
    ``[otel_bridge]``, separated by semicolons: ``capture_args = true; capture_thread = true``.
    """
    lines = [
        line.partition("=") for line in environ.get("OTEL_BRIDGE_OPTIONS", "").split(";") if line.strip()
    ]
    strings = {project: environ.get(f"{project.upper()}_CONNECTION_STRING", "") for project in PROJECTS}
    default = Settings()
    return Settings(
        connection_string=environ.get("CONNECTION_STRING") or default.connection_string,
        connection_strings={project: string for project, string in strings.items() if string},
        hmac_key=environ.get("HMAC_KEY") or default.hmac_key,
        concurrency=environ.get("CONCURRENCY") or default.concurrency,
        otel_bridge={name.strip(): value.strip() for name, _, value in lines},
        record=Path(environ["RECORD"]).absolute() if environ.get("RECORD") else None,
        api_threads=int(environ.get("API_THREADS") or default.api_threads),
        placement_fix=environ.get("PLACEMENT_FIX") == "1",
    )
