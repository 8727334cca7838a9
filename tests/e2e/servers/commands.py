"""What starts each server, for a directory with ``shop.py`` in it and a port."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from environments import Environment

from e2e.servers.installing import MODULES

_HERE = Path(__file__).parent

Command = Callable[[Path, int], Sequence[object]]


def gunicorn(environment: Environment, *options: str) -> Command:
    """gunicorn with two workers."""
    fixed = ["--workers", "2", "--graceful-timeout", "10", "--no-control-socket"]
    return lambda directory, port: [
        *[environment.python, "-m", "gunicorn", "--chdir", directory, "--bind", f"127.0.0.1:{port}"],
        *[*fixed, *options, "shop:application"],
    ]


def uwsgi(program: Path, environment: Environment, *options: str) -> Command:
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


def mod_wsgi(environment: Environment, group: str) -> Command:
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
            f"LoadModule mpm_event_module {MODULES}/mod_mpm_event.so",
            f"LoadModule authz_core_module {MODULES}/mod_authz_core.so",
            f"LoadModule wsgi_module {MODULES}/mod_wsgi.so",
            *(["User www-data", "Group www-data"] if os.getuid() == 0 else []),
            "WSGIDaemonProcess shop processes=2 threads=4"
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


def waitress(environment: Environment, *options: str) -> Command:
    """waitress, which is one process with threads."""
    return lambda directory, port: [
        *[environment.python, "-P", "-c", f"import sys; sys.path.insert(0, {str(directory)!r}); {_WAITRESS}"],
        *[f"--listen=127.0.0.1:{port}", *options, "shop:application"],
    ]


_WAITRESS = "from waitress.runner import run; run(['waitress-serve', *sys.argv[1:]])"


def eventlet(environment: Environment, *options: str) -> Command:
    """eventlet.wsgi in oslo.service's launcher, with two workers."""

    def command(directory: Path, port: int) -> Sequence[object]:
        shutil.copy(_HERE / "eventlet_server.py", directory)
        return [environment.python, directory / "eventlet_server.py", port, 2, *options]

    return command
