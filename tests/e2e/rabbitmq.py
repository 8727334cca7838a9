"""A RabbitMQ of its own: node, cookie, port mapper and ports are nobody else's."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path
from types import TracebackType

import amqp

from e2e import required
from otel_bridge.cli.processes import Process, free_ports, wait_for

_ADVICE = "apt-get install --no-install-recommends rabbitmq-server"
#: Debian's wrappers in /usr/sbin change to another user; this is what they run.
_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_START_TIMEOUT = 120.0
_PARENT, _BEGAN = 1, 19  # in what _stat() gives


class RabbitMQ:
    """A running RabbitMQ on loopback."""

    def __init__(self) -> None:
        mapper = required.program("epmd", _ADVICE)
        if not _SERVER.exists():
            required.missing(f"RabbitMQ is not installed: {_ADVICE}")
        self._directory = Path(tempfile.mkdtemp(prefix="rabbitmq-"))
        self._stack = contextlib.ExitStack()
        self._stack.callback(shutil.rmtree, self._directory, ignore_errors=True)
        with contextlib.ExitStack() as failed:
            failed.push(self._stack.__exit__)
            self._start(mapper)
            failed.pop_all()

    @property
    def url(self) -> str:
        """For ``transport_url``."""
        return f"rabbit://guest:guest@127.0.0.1:{self._port}/"

    def _start(self, mapper: str) -> None:
        directory = self._directory
        self._port, distribution, mapper_port = free_ports(3)
        config = directory / "rabbitmq.conf"
        config.write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self._port}\n"
            "log.console = true\n"
            "log.console.level = info\n"
            "log.file = false\n"
        )
        env = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("RABBITMQ_", "ERL_", "ERLANG_"))
        }
        env |= {
            "HOME": str(directory),  # where Erlang makes the cookie
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(mapper_port),
            "RABBITMQ_NODENAME": "otel_bridge@localhost",
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(directory / "log"),
            "RABBITMQ_CONFIG_FILE": str(config),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
            "RABBITMQ_PID_FILE": str(directory / "pid"),
            # It would start a port mapper itself, in the background, and leave it running.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-start_epmd false "
            "-kernel inet_dist_use_interface {127,0,0,1}",
        }
        arguments = ["-address", "127.0.0.1", "-port", str(mapper_port)]
        self._stack.enter_context(Process("epmd", [mapper, *arguments], log=directory / "epmd.log", env=env))
        self.process = Process("RabbitMQ", [str(_SERVER)], log=directory / "rabbitmq.log", env=env)
        self._stack.callback(self._stop)
        self.process.start()
        wait_for("an answer of RabbitMQ", self._answers, timeout=_START_TIMEOUT, processes=[self.process])

    def _stop(self) -> None:
        # Erlang puts its helpers into process groups of their own.
        helpers = _descendants(self.process.pid) if self.process.is_started else {}
        self.process.stop(30.0)
        for pid, began in helpers.items():
            with contextlib.suppress(OSError):
                if _stat(pid)[_BEGAN] == began:
                    os.kill(pid, signal.SIGKILL)

    def _answers(self) -> bool:
        connection = amqp.Connection(f"127.0.0.1:{self._port}", connect_timeout=5)
        try:
            connection.connect()
        except (OSError, amqp.AMQPError):
            return False
        finally:
            connection.collect()
        return True

    def __enter__(self) -> RabbitMQ:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()


def _descendants(pid: int) -> dict[int, str]:
    """Process ids of all children's children, with the times when they began."""
    below: dict[int, list[tuple[int, str]]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            stat = _stat(int(entry.name))
            below.setdefault(int(stat[_PARENT]), []).append((int(entry.name), stat[_BEGAN]))
    found: dict[int, str] = {}
    parents = [pid]
    while parents:
        for child, began in below.get(parents.pop(), ()):
            found[child] = began
            parents.append(child)
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; the name before it may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
