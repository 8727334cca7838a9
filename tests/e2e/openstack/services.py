"""The services of OpenStack: their schemas, their processes, and whether they answer."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from otel_bridge.cli.processes import wait_for

from . import daemons
from .daemons import Daemon
from .places import (
    GLANCE_PORT,
    GLANCE_URL,
    HOST,
    INSIDE,
    KEYSTONE_PORT,
    KEYSTONE_URL,
    NOVA_PORT,
    PLACEMENT_PORT,
    PLACEMENT_URL,
    Places,
)
from .servers import database_url
from .settings import PASSWORDS, Settings

#: nova-compute's node in Placement. The fake driver would take a new one at each start.
_NODE = "11111111-2222-4333-8444-555555555555"
_COMMAND_TIMEOUT = 300.0  # seconds
_START_TIMEOUT = 120.0
_STOP_TIMEOUT = 20.0
_URLS = {
    "keystone": KEYSTONE_URL,
    "glance": f"{GLANCE_URL}/healthcheck",
    "placement": f"{PLACEMENT_URL}/",
    "nova-api": f"http://{HOST}:{NOVA_PORT}/",
}
_NOT_OURS = ("OTEL_", "OS_", "PYTHON", "VIRTUAL_ENV", "CONNECTION_STRING", "HMAC_KEY")


class Services:
    """The processes of Keystone, Glance, Placement and Nova, by name of their pid files."""

    def __init__(self, places: Places, settings: Settings) -> None:
        self._places = places
        python = [places.python, "-P"]
        nova = ["--config-file", places.etc / "nova" / "nova.conf"]
        serve = [*python, INSIDE / "serve.py"]
        commands: dict[str, list[str | Path]] = {
            "keystone": [*serve, "keystone", str(KEYSTONE_PORT), "keystone.wsgi.api"],
            "glance": [*serve, "glance-api", str(GLANCE_PORT), "glance.wsgi.api"],
            "placement": [*serve, "placement-api", str(PLACEMENT_PORT), "placement.wsgi.api"],
            "nova-api": [*serve, "nova-api", str(NOVA_PORT), "nova.wsgi.osapi_compute"],
            "nova-conductor": [places.venv / "bin" / "nova-conductor", *nova],
            "nova-scheduler": [places.venv / "bin" / "nova-scheduler", *nova],
            "nova-compute": [*python, INSIDE / "nova_compute.py", _NODE, *nova],
        }
        env = _env(places, settings)
        self.daemons = {
            name: Daemon(name, command, run=places.run, log=places.log, env={**env, "LAB_SERVICE": name})
            for name, command in commands.items()
        }

    def start(self, *names: str) -> None:
        """Start some of them, or all, at the same time; and wait until their APIs answer."""
        (self._places.data / "nova" / "compute_id").write_text(_NODE + "\n")
        started = [self.daemons[name] for name in names or self.daemons]
        for daemon in started:
            daemon.start()

        def answered(url: str) -> bool:
            for daemon in started:
                daemon.check()
            return _answers(url)

        for daemon in started:
            if daemon.name in _URLS:
                wait_for(
                    f"an answer of {daemon.name}",
                    partial(answered, _URLS[daemon.name]),
                    timeout=_START_TIMEOUT,
                )

    def stop(self) -> list[str]:
        """Stop those that run; the names of those that had to be killed."""
        return daemons.stop(self.daemons.values(), _STOP_TIMEOUT)


def make_schemas(places: Places) -> None:
    """Keys, tables and Keystone's first user; once, it takes half a minute."""
    done = places.data / ".schemas"
    if done.exists():
        return
    keystone = ["keystone-manage", "--config-file", places.etc / "keystone" / "keystone.conf"]
    nova = ["nova-manage", "--config-file", places.etc / "nova" / "nova.conf"]
    first = ["--bootstrap-password", PASSWORDS["admin"], "--bootstrap-region-id", "RegionOne"]
    for interface in ("admin", "public", "internal"):
        first += [f"--bootstrap-{interface}-url", KEYSTONE_URL]
    owner = ["--keystone-user", str(os.geteuid()), "--keystone-group", str(os.getegid())]
    batches: list[list[list[str | Path]]] = [
        [
            [*keystone, "fernet_setup", *owner],
            [*keystone, "credential_setup", *owner],
            [*keystone, "db_sync"],
            [*keystone, "bootstrap", *first],
        ],
        [
            ["glance-manage", "--config-file", places.etc / "glance" / "glance-api.conf", "db_sync"],
            ["placement-manage", "--config-file", places.etc / "placement" / "placement.conf", "db", "sync"],
        ],
        [
            [*nova, "api_db", "sync"],
            [*nova, "cell_v2", "map_cell0", "--database_connection", database_url("nova_cell0")],
            [*nova, "db", "sync"],
            [*nova, "cell_v2", "create_cell", "--name", "cell1"],
        ],
    ]

    def one_by_one(commands: list[list[str | Path]]) -> None:
        for command in commands:
            manage(places, *command)

    with ThreadPoolExecutor(len(batches)) as pool:
        list(pool.map(one_by_one, batches))
    done.touch()


def manage(places: Places, program: str, *arguments: str | Path) -> str:
    """Run one of the services' own commands; what it prints."""
    return daemons.carry_out(
        [places.venv / "bin" / program, *arguments],
        timeout=_COMMAND_TIMEOUT,
        env=_env(places, Settings()),
        cwd=places.run,
    )


def script(places: Places, name: str, *arguments: str) -> None:
    """Run a script of ``inside`` in the lab's environment."""
    daemons.carry_out(
        [places.python, "-P", INSIDE / name, *arguments],
        timeout=_COMMAND_TIMEOUT,
        env=_env(places, Settings()) | client_env(),
    )


def client_env() -> dict[str, str]:
    """What ``openstack`` and openstacksdk are told by their environment."""
    return {
        "OS_AUTH_URL": KEYSTONE_URL,
        "OS_USERNAME": "admin",
        "OS_PASSWORD": PASSWORDS["admin"],
        "OS_PROJECT_NAME": "admin",
        "OS_USER_DOMAIN_ID": "default",
        "OS_PROJECT_DOMAIN_ID": "default",
        "OS_IDENTITY_API_VERSION": "3",
        "OS_REGION_NAME": "RegionOne",
    }


def _env(places: Places, settings: Settings) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
    env |= {
        f"OS_{p.upper()}_CONFIG_DIR": str(places.etc / p) for p in ("keystone", "glance", "placement", "nova")
    }
    env |= {
        "PATH": f"{places.venv / 'bin'}:{env.get('PATH', '')}",
        "LAB_API_THREADS": str(settings.api_threads),
        "LAB_PLACEMENT_FIX": str(int(settings.placement_fix)),
    }
    if settings.record is not None:
        # Python imports the module sitecustomize that it finds there.
        env |= {
            "PYTHONPATH": str(INSIDE / "recorder"),
            "LAB_RECORD": str(settings.record),
            "LAB_HMAC_KEY": settings.hmac_key,
        }
    return env | dict(settings.environment)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=10).close()
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False
    return True
