"""What OpenStack stands on: MariaDB, RabbitMQ, and something that answers in Neutron's place.

They go on running while the services are restarted.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterable
from pathlib import Path

import amqp

from otel_bridge.cli.processes import wait_for

from . import daemons
from .daemons import Daemon, LabError, carry_out
from .places import (
    EPMD_PORT,
    HOST,
    INSIDE,
    MARIADB_PORT,
    NEUTRON_PORT,
    RABBITMQ_DISTRIBUTION_PORT,
    RABBITMQ_PORT,
    Places,
)
from .settings import PASSWORDS

DATABASES = ("keystone", "glance", "placement", "nova_api", "nova_cell0", "nova")
_RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")  # what Debian's wrapper runs as another user
_START_TIMEOUT = 120.0  # seconds
_STOP_TIMEOUT = 30.0


def database_url(name: str) -> str:
    """SQLAlchemy's URL of one of :data:`DATABASES`."""
    return f"mysql+pymysql://openstack:{PASSWORDS['database']}@{HOST}:{MARIADB_PORT}/{name}?charset=utf8mb4"


def transport_url() -> str:
    """For ``transport_url``."""
    return f"rabbit://openstack:{PASSWORDS['rabbitmq']}@{HOST}:{RABBITMQ_PORT}/"


def start(places: Places) -> None:
    """Start those that do not run, and wait until they answer."""
    mariadb, epmd, rabbitmq, neutron = _daemons(places)
    for daemon, port in zip(
        (mariadb, epmd, rabbitmq, neutron),
        (MARIADB_PORT, EPMD_PORT, RABBITMQ_PORT, NEUTRON_PORT),
        strict=True,
    ):
        if daemon.pid is None and _listens(port):
            raise LabError(f"port {port}, which {daemon.name} needs, is taken by somebody else")
    if not (places.data / "mariadb" / "mysql").exists():
        _install_mariadb(places)
    (places.data / "mariadb.sql").write_text(_first_statements())
    (places.data / "rabbitmq" / "rabbitmq.conf").write_text(_rabbitmq_conf())
    for daemon in (mariadb, epmd, neutron, rabbitmq):
        daemon.start()
    for daemon, answers in (
        (mariadb, lambda: _greets(MARIADB_PORT, b"")),
        (neutron, lambda: _listens(NEUTRON_PORT)),
        (rabbitmq, lambda: _greets(RABBITMQ_PORT, b"AMQP\x00\x00\x09\x01")),
    ):
        wait_for(
            f"an answer of {daemon.name}",
            lambda d=daemon, a=answers: d.check() or a(),
            timeout=_START_TIMEOUT,
        )


def is_consumed(queues: Iterable[str]) -> bool:
    """Whether somebody takes messages from each of these queues."""
    connection = amqp.Connection(
        f"{HOST}:{RABBITMQ_PORT}", userid="openstack", password=PASSWORDS["rabbitmq"], connect_timeout=5
    )
    try:
        connection.connect()
        # Asking for a queue that is not there ends the channel.
        return all(connection.channel().queue_declare(name, passive=True).consumer_count for name in queues)
    except amqp.NotFound:
        return False
    finally:
        connection.collect()


def stop(places: Places) -> None:
    """Stop those that run."""
    mariadb, epmd, rabbitmq, neutron = _daemons(places)
    daemons.stop([mariadb, rabbitmq, neutron], _STOP_TIMEOUT)
    daemons.stop([epmd], _STOP_TIMEOUT)


def _daemons(places: Places) -> tuple[Daemon, Daemon, Daemon, Daemon]:
    run, log = places.run, places.log
    return (
        Daemon("mariadb", _mariadb_command(places), run=run, log=log),
        Daemon("epmd", ["epmd", "-address", HOST, "-port", str(EPMD_PORT)], run=run, log=log),
        Daemon("rabbitmq", [_RABBITMQ], run=run, log=log, env=_rabbitmq_env(places)),
        Daemon("neutron", [places.python, "-P", INSIDE / "neutron.py", str(NEUTRON_PORT)], run=run, log=log),
    )


# MariaDB


def _mariadb_options(places: Places) -> list[str]:
    # It refuses to run as root unless it is told to.
    as_root = ["--user=root"] if os.geteuid() == 0 else []
    return ["--no-defaults", f"--datadir={places.data / 'mariadb'}", *as_root]


def _mariadb_command(places: Places) -> list[str]:
    return [
        shutil.which("mariadbd", path="/usr/sbin:" + os.environ.get("PATH", "")) or "mariadbd",
        *_mariadb_options(places),
        f"--socket={places.run / 'mariadb.sock'}",
        f"--pid-file={places.run / 'mariadb.own-pid'}",
        f"--bind-address={HOST}",
        f"--port={MARIADB_PORT}",
        f"--init-file={places.data / 'mariadb.sql'}",
        "--skip-name-resolve",
        "--max-connections=500",
        "--innodb-flush-log-at-trx-commit=0",
        "--character-set-server=utf8mb4",
    ]


def _install_mariadb(places: Places) -> None:
    carry_out(["mariadb-install-db", *_mariadb_options(places), "--skip-test-db"], timeout=_START_TIMEOUT)


def _first_statements() -> str:
    """Carried out at each start."""
    lines = [f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4;" for name in DATABASES]
    lines.append(f"CREATE USER IF NOT EXISTS openstack@'{HOST}' IDENTIFIED BY '{PASSWORDS['database']}';")
    lines.append(f"GRANT ALL ON *.* TO openstack@'{HOST}';")
    return "\n".join(lines) + "\n"


# RabbitMQ


def _rabbitmq_conf() -> str:
    return (
        f"listeners.tcp.1 = {HOST}:{RABBITMQ_PORT}\n"
        "default_user = openstack\n"
        f"default_pass = {PASSWORDS['rabbitmq']}\n"
        "log.console = true\n"
        "log.file = false\n"
    )


def _rabbitmq_env(places: Places) -> dict[str, str]:
    directory = places.data / "rabbitmq"
    others = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("RABBITMQ_", "ERL_", "ERLANG_"))
    }
    return others | {
        "HOME": str(directory),  # where Erlang makes the cookie
        "ERL_EPMD_ADDRESS": HOST,
        "ERL_EPMD_PORT": str(EPMD_PORT),
        "RABBITMQ_NODENAME": "otel_bridge_lab@localhost",
        "RABBITMQ_DIST_PORT": str(RABBITMQ_DISTRIBUTION_PORT),
        "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
        "RABBITMQ_LOG_BASE": str(places.log),
        "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
        "RABBITMQ_PID_FILE": str(places.run / "rabbitmq.own-pid"),
        # It would start a port mapper itself, in the background, and leave it running.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-start_epmd false "
        "-kernel inet_dist_use_interface {127,0,0,1}",
    }


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=2).close()
    except OSError:
        return False
    return True


def _greets(port: int, hello: bytes) -> bool:
    """Whether something says anything to who says hello."""
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection:
            connection.sendall(hello)
            return bool(connection.recv(1))
    except OSError:
        return False
