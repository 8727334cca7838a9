"""The lab as a whole: brought up, restarted with other settings, and taken down."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import socket
from collections.abc import Iterator

from otel_bridge.cli.processes import ProcessError, wait_for

from . import configuration, environment, servers, services
from .cloud import Cloud
from .daemons import LabError
from .places import GLANCE_URL, NEUTRON_URL, NOVA_URL, PLACEMENT_URL, Places, places
from .services import Services
from .settings import PASSWORDS, Settings

_ENDPOINTS = (
    ("nova", "compute", NOVA_URL),
    ("glance", "image", GLANCE_URL),
    ("placement", "placement", PLACEMENT_URL),
    ("neutron", "network", NEUTRON_URL),
)
_LISTEN_TIMEOUT = 120.0  # seconds
_DELETE_TIMEOUT = 30.0


class Lab:
    """OpenStack on this machine. There is one, with fixed ports."""

    def __init__(self, where: Places | None = None) -> None:
        self.places = where or places()
        self.settings = Settings()

    @property
    def services(self) -> Services:
        """The services as they are configured now."""
        return Services(self.places, self.settings)

    def up(self, settings: Settings) -> Cloud:
        """Have the services running with these settings, newly started; the first time, from nothing.

        Returns:
            A client that is ready to boot servers.

        Raises:
            LabError, ProcessError: something is missing or does not start; the message says what.
        """
        with self._alone():
            self.places.make()
            environment.prepare(self.places)
            self.services.stop()
            self.settings = settings
            servers.start(self.places)
            configuration.write(self.places, settings)
            services.make_schemas(self.places)
            return self._start()

    def stop_services(self) -> list[str]:
        """Stop OpenStack, and leave MariaDB and RabbitMQ running; the names of what had to be killed."""
        with self._alone():
            return self.services.stop()

    def down(self, *, purge: bool = False) -> None:
        """Stop everything; ``purge`` also removes data, configuration and logs, and keeps the environment."""
        with self._alone():
            self.services.stop()
            servers.stop(self.places)
            if purge:
                for directory in (self.places.data, self.places.etc, self.places.log):
                    shutil.rmtree(directory, ignore_errors=True)

    def _start(self) -> Cloud:
        running = self.services
        first = not (self.places.data / ".resources").exists()
        if first:
            # Others look Placement and Neutron up in Keystone's catalog as soon as they start.
            running.start("keystone")
            lines = [f"{name} {kind} {url} {PASSWORDS[name]}" for name, kind, url in _ENDPOINTS]
            services.script(self.places, "catalog.py", *lines)
        # nova-compute ends at once if Keystone does not answer yet.
        running.start(*(name for name in running.daemons if name != "nova-compute"))
        running.start("nova-compute")
        if first:
            services.script(self.places, "resources.py")
            self._map_host()
            (self.places.data / ".resources").touch()
        cloud = Cloud(self.settings.hmac_key)
        cloud.prepare()
        self._boot_one(cloud)
        return cloud

    def _map_host(self) -> None:
        """Tell Nova's API about the compute node, once it has registered itself."""
        nova = ["--config-file", self.places.etc / "nova" / "nova.conf", "cell_v2"]

        def mapped() -> bool:
            services.manage(self.places, "nova-manage", *nova, "discover_hosts")
            return "cell1" in services.manage(self.places, "nova-manage", *nova, "list_hosts")

        wait_for("the compute node", mapped, timeout=120)

    def _boot_one(self, cloud: Cloud) -> None:
        """See that a server comes up, so that what follows finds all services at work."""
        queues = ("conductor", "scheduler", f"compute.{socket.gethostname()}")
        running = self.services.daemons.values()

        def listening() -> bool:
            for daemon in running:
                daemon.check()
            return servers.is_consumed(queues)

        wait_for("Nova's services", listening, timeout=_LISTEN_TIMEOUT)
        try:
            cloud.wait_for(cloud.boot("first", trace_id=0))
        except (AssertionError, ProcessError) as error:
            raise LabError(f"no server comes up ({error}); see the logs in {self.places.log}") from error
        # Those of before, too; one that was stopped at a bad moment may stay, and is in nobody's way.
        with contextlib.suppress(ProcessError):
            cloud.delete_all(_DELETE_TIMEOUT)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep others from starting and stopping the same lab at the same time."""
        self.places.root.mkdir(parents=True, exist_ok=True)
        with (self.places.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
