"""otel-bridge serve: the embedded backend in the foreground."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import urllib.request
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import stored
import traces

from otel_bridge import collector
from otel_bridge.cli import serve as serving
from otel_bridge.cli.main import main
from otel_bridge.collector import Retention
from otel_bridge.stores.sqlite import SqliteStore

Serve = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts the program; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environ: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "otel_bridge", "serve", "--port", "0", "--otlp-port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environ},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def announced(process: subprocess.Popen[str]) -> list[str]:
    """What is printed once it listens: OTLP endpoint, viewer, database."""
    assert process.stdout
    return [process.stdout.readline().split()[-1] for _ in range(3)]


@pytest.mark.integration
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_listens_until_a_signal_and_ends_with_0(
    ending: signal.Signals, serve: Serve, tmp_path: Path
) -> None:
    process = serve("--db", str(tmp_path / "traces.sqlite"))
    otlp, viewer, database = announced(process)
    assert otlp.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(f"{viewer.rstrip('/')}/healthz", timeout=30) as response:
        assert response.status == 200
    assert database == str(tmp_path / "traces.sqlite")
    process.send_signal(ending)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.integration
def test_the_default_database_is_private(serve: Serve, tmp_path: Path) -> None:
    process = serve(XDG_STATE_HOME=str(tmp_path))
    assert announced(process)[2] == str(tmp_path / "otel_bridge" / "traces.sqlite")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert stat.S_IMODE((tmp_path / "otel_bridge").stat().st_mode) == 0o700


@pytest.mark.integration
def test_listening_beyond_this_machine_is_warned_of(serve: Serve, tmp_path: Path) -> None:
    process = serve("--host", "0.0.0.0", "--db", str(tmp_path / "traces.sqlite"))
    announced(process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=30)
    assert err == "otel-bridge: whoever reaches 0.0.0.0 can write and read traces: there is no login\n"


@pytest.mark.parametrize("option", ["--port", "--otlp-port"])
def test_a_taken_port_is_one_line_and_code_1(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        arguments = [
            "serve",
            "--db",
            str(tmp_path / "t.sqlite"),
            "--port",
            "0",
            "--otlp-port",
            "0",
            option,
            port,
        ]
        assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert port in captured.err
    assert captured.err.count("\n") == 1


def test_a_file_that_is_no_store_is_one_line_and_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text").write_text("no database, but long enough to look at" * 50)
    assert main(["serve", "--db", str(tmp_path / "text"), "--port", "0", "--otlp-port", "0"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "70000"], "'70000' is no port"),
        (["--otlp-port", "-1"], "'-1' is no port"),
        (["--port", "http"], "'http' is no port"),
        (["--db", "/nonexistent/dir/file"], "--db '/nonexistent/dir/file': there is no such directory"),
        (["--db", "/"], "--db '/' is a directory"),
        (["--db", ""], "--db ''"),
        (["--keep", "7"], "'7' is no age"),
        (["--keep", "1s"], "too short"),
        (["--max-size", "many"], "'many' is no size"),
    ],
)
def test_wrong_arguments_are_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_the_signal_handlers_are_as_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    (tmp_path / "text").write_text("no database, but long enough to look at" * 50)
    main(["serve", "--db", str(tmp_path / "text"), "--port", "0", "--otlp-port", "0"])
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    capsys.readouterr()


@pytest.mark.integration
def test_old_traces_are_removed_and_the_log_says_so(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "traces.sqlite"
    stored.store(path, traces.boot())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE traces SET received_s = received_s - 3600")
        connection.commit()
    process = serve("--db", str(path), "--keep", "30m")
    assert process.stderr
    assert "otel-bridge: removed 6 spans: 1 trace too old (--keep)" in process.stderr.readline()
    assert SqliteStore(path).list() == []


def test_what_is_kept_is_bounded_unless_one_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A week and 2 GiB: nobody shall find the disk full."""
    kept = []

    class Server:
        def __init__(self, *_: object, retention: Retention, **__: object) -> None:
            kept.append(retention)

        def start(self) -> None:
            raise OSError("enough")

    monkeypatch.setattr(collector, "Server", Server)
    path = str(tmp_path / "db")
    main(["serve", "--db", path])
    main(["serve", "--db", path, "--keep", "unlimited", "--max-size", "unlimited"])
    assert kept == [Retention(7 * 86400, 2 << 30), Retention()]


def test_a_file_system_that_is_too_small_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "db"
    path.write_bytes(b"x" * (3 << 20))
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(serving.shutil, "disk_usage", lambda _: usage(9 << 20, 0, 2 << 20))
    for max_size in (None, 5 << 20, 6 << 20):
        serving._warn_of_little_space(path, max_size)
    assert capsys.readouterr().err == (
        f"otel-bridge: the file system of {path} has room for 5 MiB of the 6 MiB of --max-size: "
        "spans are refused when it is full\n"
    )
