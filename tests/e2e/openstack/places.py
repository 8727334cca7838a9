"""Where the lab keeps what it needs, and at which ports it listens."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

#: Programs of the lab's environment and files for them.
INSIDE = Path(__file__).parent / "inside"
#: The checkout whose package the services run.
CHECKOUT = Path(__file__).parents[3]

HOST = "127.0.0.1"
MARIADB_PORT = 13306
RABBITMQ_PORT = 15673
RABBITMQ_DISTRIBUTION_PORT = 25673
EPMD_PORT = 14369
KEYSTONE_PORT, GLANCE_PORT, PLACEMENT_PORT, NOVA_PORT, NEUTRON_PORT = 5000, 9292, 8778, 8774, 9696

KEYSTONE_URL = f"http://{HOST}:{KEYSTONE_PORT}/v3"
GLANCE_URL = f"http://{HOST}:{GLANCE_PORT}"
PLACEMENT_URL = f"http://{HOST}:{PLACEMENT_PORT}"
NOVA_URL = f"http://{HOST}:{NOVA_PORT}/v2.1"
NEUTRON_URL = f"http://{HOST}:{NEUTRON_PORT}"


@dataclass(frozen=True)
class Places:
    """The lab's directory, kept between runs: the environment, configuration, data and logs."""

    root: Path

    @property
    def venv(self) -> Path:
        return self.root / "venv"

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def etc(self) -> Path:
        return self.root / "etc"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def data(self) -> Path:
        return self.root / "data"

    def make(self) -> None:
        """Make the directories that are not there."""
        wanted = [self.etc / project for project in ("keystone", "glance", "placement", "nova")]
        wanted += [self.data / name for name in ("images", "staging", "tasks", "lock", "nova", "rabbitmq")]
        for directory in (*wanted, self.log, self.run):
            directory.mkdir(parents=True, exist_ok=True)


def places() -> Places:
    """``OTEL_BRIDGE_LAB``, or ``otel_bridge/lab`` in the user's cache."""
    given = os.environ.get("OTEL_BRIDGE_LAB")
    if given:
        return Places(Path(given).absolute())
    home = os.environ.get("XDG_CACHE_HOME", "")
    return Places((Path(home) if os.path.isabs(home) else Path.home() / ".cache") / "otel_bridge" / "lab")
