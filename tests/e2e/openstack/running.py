"""The lab in one configuration, with what looks at it: the backend and the recorder."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from otel_bridge.cli.processes import ProcessError, wait_for
from otel_bridge.model.trace import Trace

from .backend import Backend
from .cloud import Boot, Cloud
from .lab import Lab
from .records import Records
from .services import client_env
from .settings import Settings

_QUIET_CHECKS = 20  # of 50 ms; spans are exported five times a second
_QUIET_TIMEOUT = 60.0  # seconds
_COMMAND_TIMEOUT = 120.0


class Running:
    """Started in one configuration. The embedded backend has its spans and no other ones."""

    def __init__(self, name: str, lab: Lab, backend: Backend, record: Path, settings: Settings) -> None:
        """
        Args:
            name: of the configuration.
            settings: without ``record``; the connection string is the backend's unless it is given.
        """
        lab.stop_services()  # what they have left to say is for the store before
        backend.renew()
        record.mkdir(parents=True)
        self.name, self.lab, self.backend, self.records = name, lab, backend, Records(record)
        if settings.connection_string == Settings().connection_string:
            settings = dataclasses.replace(settings, connection_string=backend.connection_string)
        self.settings = dataclasses.replace(settings, record=record)
        self.cloud: Cloud = lab.up(self.settings)

    def boot(self, name: str, **more: Any) -> Boot:
        """Boot a server, wait for it, and for everything that comes after."""
        boot = self.cloud.boot(name, **more)
        self.cloud.wait_for(boot)
        self.settle()
        return boot

    def boot_all(self, names: Iterable[str], **more: Any) -> list[Boot]:
        """Boot servers at the same time."""
        names = list(names)
        with ThreadPoolExecutor(len(names)) as pool:
            boots = list(pool.map(lambda name: self.cloud.boot(name, **more), names))
        for boot in boots:
            self.cloud.wait_for(boot)
        self.settle()
        return boots

    def settle(self) -> None:
        """Wait until nothing traced goes on, and what was has arrived in the backend."""
        seen: list[tuple[int, int]] = []

        def quiet() -> bool:
            seen.append((self.records.size(), self.backend.size()))
            return len(seen) > _QUIET_CHECKS and len(set(seen[-_QUIET_CHECKS:])) == 1

        # What is wrong then is shown by what is compared.
        with contextlib.suppress(ProcessError):
            wait_for("quiet", quiet, timeout=_QUIET_TIMEOUT)

    def traces_of(self, boots: Iterable[Boot]) -> dict[int, Trace]:
        """Their traces."""
        return {boot.trace_id: self.backend.trace(boot.trace_id) for boot in boots}

    def command(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the lab's environment, as the admin: ``openstack``, ``osprofiler``."""
        others = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OS_", "OTEL_", "PYTHON"))
        }
        return subprocess.run(
            [self.lab.places.venv / "bin" / words[0], *words[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_TIMEOUT,
            check=False,
            env=others | client_env() | env,
        )
