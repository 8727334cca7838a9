"""Application servers with a small service in them that uses osprofiler and nothing of ours."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

import pytest
from environments import Environment, Pip

from e2e import required
from otel_bridge.cli.processes import Process, ProcessError, free_ports, wait_for
from otel_bridge.wire import ids, signing

KEY = "the-right-key"
_HERE = Path(__file__).parent
_MODULES = Path("/usr/lib/apache2/modules")
_ADVICE = "apt-get install --no-install-recommends libapache2-mod-wsgi-py3"
_INSTALL_TIMEOUT = 600.0  # seconds; uWSGI is compiled in about half a minute
_BOUND = 30.0


class Installed:
    """gunicorn and uWSGI, in a virtual environment of their own that is kept between runs."""

    def __init__(self) -> None:
        requirements = _HERE / "requirements.txt"
        digest = hashlib.sha256(requirements.read_bytes() + f"{sys.version} {sys.base_prefix}".encode())
        self._directory = _cache() / f"servers-{digest.hexdigest()[:16]}"
        if not self._directory.exists():
            self._install(requirements)
        self.uwsgi = self._directory / "bin" / "uwsgi"
        self.pip = Pip(self._directory / "bin" / "python")

    @property
    def packages(self) -> Path:
        """Where gunicorn can be imported from."""
        [packages] = self._directory.glob("lib/python*/site-packages")
        return packages

    def _install(self, requirements: Path) -> None:
        # Renamed when it is whole. Scripts in it would then name another directory, and are not used.
        unfinished = self._directory.with_name(f"{self._directory.name}.{os.getpid()}")
        try:
            for command in (
                [sys.executable, "-m", "venv", str(unfinished)],
                [str(unfinished / "bin" / "python"), "-m", "pip", "install", "-q", "-r", str(requirements)],
            ):
                done = subprocess.run(
                    command, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT, check=False
                )
                if done.returncode:
                    required.missing(f"the servers could not be installed: {done.stderr[-2000:].strip()}")
            unfinished.rename(self._directory)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME", "")
    directory = (Path(home) if os.path.isabs(home) else Path.home() / ".cache") / "otel_bridge"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def python_of_mod_wsgi() -> Path:
    """The Python that Apache's module runs; the test is skipped where our libraries do not fit it."""
    required.program("apache2", _ADVICE)
    if not (_MODULES / "mod_wsgi.so").exists():
        required.missing(f"mod_wsgi is not installed: {_ADVICE}")
    version = (_MODULES / "mod_wsgi.so").resolve().name.rpartition("-")[2]
    if version != f"{sys.version_info.major}.{sys.version_info.minor}":
        pytest.skip(f"mod_wsgi is for Python {version}, and the libraries here are for another one")
    return Path(f"/usr/bin/python{version}")


class Running:
    """The service in a server, from the beginning to the end of a ``with`` block."""

    def __init__(
        self,
        directory: Path,
        endpoint: str,
        command: Callable[[Path, int], Sequence[object]],
        schedule_delay: float,
    ) -> None:
        """
        Args:
            directory: of the service.
            endpoint: host and port for the connection string.
            command: makes the server's command from the directory and a port.
            schedule_delay: seconds between two exports.
        """
        shutil.copy(_HERE / "shop.py", directory)
        (directory / "shop.conf").write_text(
            f"[profiler]\nenabled = true\nhmac_keys = other, {KEY}\nconnection_string = otel://{endpoint}\n"
            f"[otel_bridge]\nschedule_delay = {schedule_delay}\n"
        )
        [self._port] = free_ports(1)
        arguments = [str(part) for part in command(directory, self._port)]
        env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.process = Process(Path(arguments[0]).name, arguments, log=directory / "log", env=env)
        #: Trace id -> process that served the request, of every one that was signed with the right key.
        self.served: dict[int, int] = {}

    def __enter__(self) -> Running:
        self.process.__enter__()
        try:
            wait_for("an answer", self._answers, timeout=_BOUND, processes=[self.process])
        except BaseException:
            self.process.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.stop()

    def _answers(self) -> bool:
        try:
            self.unsigned()
        except OSError:
            return False
        return True

    def signed(self) -> None:
        base_id = str(uuid.uuid4())
        self.served[ids.trace_id(base_id)] = self._get(base_id, KEY)

    def unsigned(self) -> None:
        self._get()

    def signed_wrongly(self) -> None:
        self._get(str(uuid.uuid4()), "the-wrong-key")

    def _get(self, base_id: str = "", key: str = "") -> int:
        headers = {}
        if base_id:
            info, mac = signing.pack(base_id, base_id, signing.Key(key))
            headers = {signing.TRACE_INFO_HEADER: info, signing.TRACE_HMAC_HEADER: mac}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_BOUND)
        try:
            connection.request("GET", "/sales?article=1", headers=headers)
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status != 200:
            logs = "".join(log.read_text(errors="replace") for log in self.process.log.parent.glob("*log"))
            raise ProcessError(f"answered {response.status}: {logs[-2000:]}")
        return int(body)


# -- the servers ------------------------------------------------------------------------------------------


def gunicorn(environment: Environment, *options: str) -> Callable[[Path, int], Sequence[object]]:
    """gunicorn with two workers."""
    fixed = ["--workers", "2", "--graceful-timeout", "10", "--no-control-socket"]
    return lambda directory, port: [
        *[environment.python, "-m", "gunicorn", "--chdir", directory, "--bind", f"127.0.0.1:{port}"],
        *[*fixed, *options, "shop:application"],
    ]


def uwsgi(program: Path, environment: Environment, *options: str) -> Callable[[Path, int], Sequence[object]]:
    """uWSGI as OpenStack's own deployments configure it, but for the options."""
    return lambda directory, port: [
        *[
            program,
            "--virtualenv",
            environment.directory,
            "--chdir",
            directory,
            "--module",
            "shop:application",
        ],
        *["--http-socket", f"127.0.0.1:{port}", "--buffer-size", "65535", "--need-app", *options],
    ]


def mod_wsgi(environment: Environment, group: str) -> Callable[[Path, int], Sequence[object]]:
    """Apache with two daemon processes, as OpenStack's services are deployed.

    Args:
        environment: made by :func:`python_of_mod_wsgi`.
        group: ``WSGIApplicationGroup``; empty for mod_wsgi's default, a sub-interpreter.
    """

    def command(directory: Path, port: int) -> Sequence[object]:
        lines = [
            f"ServerRoot {directory}",
            "ServerName localhost",
            f"Listen 127.0.0.1:{port}",
            f"PidFile {directory}/pid",
            f"ErrorLog {directory}/error.log",
            f"WSGISocketPrefix {directory}/wsgi",
            f"LoadModule mpm_event_module {_MODULES}/mod_mpm_event.so",
            f"LoadModule authz_core_module {_MODULES}/mod_authz_core.so",
            f"LoadModule wsgi_module {_MODULES}/mod_wsgi.so",
            *(["User www-data", "Group www-data"] if os.getuid() == 0 else []),
            "WSGIDaemonProcess shop processes=2 threads=2"
            f" python-home={environment.directory} python-path={directory}",
            "WSGIProcessGroup shop",
            *([f"WSGIApplicationGroup {group}"] if group else []),
            f"WSGIScriptAlias / {directory}/shop.py",
            f"<Directory {directory}>",
            "Require all granted",
            "</Directory>",
        ]
        (directory / "apache2.conf").write_text("\n".join([*lines, ""]))
        return ["/usr/sbin/apache2", "-D", "FOREGROUND", "-f", directory / "apache2.conf"]

    return command
