"""A MariaDB of its own: data directory, socket and port are nobody else's."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

import pymysql

from e2e import required
from otel_bridge.cli.processes import Process, free_ports, wait_for

_ADVICE = "apt-get install --no-install-recommends mariadb-server"
_START_TIMEOUT = 60.0
_USER = "compute"


class MariaDB:
    """A running MariaDB on loopback."""

    def __init__(self) -> None:
        server = required.program("mariadbd", _ADVICE)
        installer = required.program("mariadb-install-db", _ADVICE)
        # Not pytest's directory: the path of a socket has to be short.
        self._directory = Path(tempfile.mkdtemp(prefix="mariadb-"))
        try:
            self._start(server, installer)
        except BaseException:
            shutil.rmtree(self._directory, ignore_errors=True)
            raise

    def _start(self, server: str, installer: str) -> None:
        directory = self._directory
        [self._port] = free_ports(1)
        self._password = secrets.token_hex(16)
        # MariaDB refuses to run as root unless it is told to.
        options = ["--no-defaults", f"--datadir={directory / 'data'}"]
        options += ["--user=root"] if os.geteuid() == 0 else []
        subprocess.run(
            [installer, *options, "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True,
            capture_output=True,
            timeout=_START_TIMEOUT,
        )
        init = directory / "init.sql"
        init.write_text(
            f"CREATE USER {_USER}@'127.0.0.1' IDENTIFIED BY '{self._password}';\n"
            f"GRANT ALL ON *.* TO {_USER}@'127.0.0.1';\n"
        )
        self.process = Process(
            "MariaDB",
            [
                server,
                *options,
                f"--socket={directory / 'socket'}",
                f"--pid-file={directory / 'pid'}",
                "--bind-address=127.0.0.1",
                f"--port={self._port}",
                f"--init-file={init}",
                "--skip-name-resolve",
                "--innodb-flush-log-at-trx-commit=0",
            ],
            log=directory / "log",
        )
        try:
            self.process.start()
            wait_for("an answer of MariaDB", self._answers, timeout=_START_TIMEOUT, processes=[self.process])
        except BaseException:
            self.process.stop()
            raise

    def create_database(self, name: str) -> str:
        """A new database; its SQLAlchemy URL."""
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        return f"mysql+pymysql://{_USER}:{self._password}@127.0.0.1:{self._port}/{name}?charset=utf8mb4"

    def _connect(self) -> pymysql.Connection:
        return pymysql.connect(host="127.0.0.1", port=self._port, user=_USER, password=self._password)

    def _answers(self) -> bool:
        try:
            self._connect().close()
        except (OSError, pymysql.MySQLError):
            return False
        return True

    def __enter__(self) -> MariaDB:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.stop(30)
        shutil.rmtree(self._directory, ignore_errors=True)
