import os
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from otel_bridge.cli.processes import (
    Process,
    ProcessError,
    free_ports,
    is_free,
    is_served,
    stop_all,
    undisturbed,
    wait_for,
)

_BOUND = 20.0  # seconds; none of these waits takes a second on an idle machine


@pytest.fixture
def start(tmp_path):
    """Start a Python program; whatever of it is left at the end of the test is stopped."""
    started = []

    def start(code, name="program", wait=True):
        process = Process(name, [sys.executable, "-c", code], log=tmp_path / f"{len(started)}.log")
        started.append(process)
        process.start()
        if wait:
            wait_for("the first output", process.output, timeout=_BOUND, processes=[process])
        return process

    yield start
    for process in started:
        process.stop(0)


_SLEEP = "import time; print('up', flush=True); time.sleep(60)"
_STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + _SLEEP


def _is_running(pid):
    """Whether the process executes code: a zombie that nobody waits for does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class TestProcess:
    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            (_SLEEP, -signal.SIGTERM),
            (_STUBBORN, -signal.SIGKILL),
            ("import signal, sys; signal.signal(15, lambda *_: sys.exit(3)); " + _SLEEP, 3),
        ],
        ids=["default", "ignores SIGTERM", "own handler"],
    )
    def test_stop_asks_first_and_kills_after_the_bound(self, start, code, expected):
        process = start(code)
        assert process.exit_code is None
        assert process.stop(1.0 if expected == -signal.SIGKILL else _BOUND) == expected
        assert process.exit_code == expected
        assert not _is_running(process.pid)

    def test_stop_ends_what_a_process_has_left_behind(self, start):
        """A child of a process that ended by itself is in its group and goes with it."""
        process = start(
            "import subprocess, sys\n"
            f"child = subprocess.Popen([sys.executable, '-c', {_STUBBORN!r}], stdout=subprocess.PIPE)\n"
            "child.stdout.readline()\n"
            "print(child.pid, flush=True)"
        )
        wait_for("its end", lambda: process.exit_code is not None, timeout=_BOUND)
        child = int(process.output())
        assert _is_running(child)
        process.stop()
        wait_for("the end of its child", lambda: not _is_running(child), timeout=_BOUND)

    def test_sigterm_is_sent_once(self, start):
        """A second signal would interrupt an orderly end."""
        process = start(
            "import signal, sys, time\n"
            "def end(*_):\n"
            "    print('asked', flush=True)\n"
            "    time.sleep(0.5)\n"
            "    sys.exit(0)\n"
            "signal.signal(signal.SIGTERM, end)\n" + _SLEEP
        )
        process.terminate()
        process.terminate()
        assert process.stop(_BOUND) == 0
        assert process.output().count("asked") == 1

    def test_the_block_starts_and_stops_it(self, tmp_path):
        with Process("program", [sys.executable, "-c", _SLEEP], log=tmp_path / "log") as process:
            assert process.exit_code is None
        assert process.exit_code == -signal.SIGTERM

    def test_an_ended_process_is_reported_with_the_end_of_its_log(self, start):
        process = start("print('the reason'); raise SystemExit(7)", name="the backend")
        wait_for("its end", lambda: process.exit_code is not None, timeout=_BOUND)
        with pytest.raises(
            ProcessError, match=r"(?s)the backend ended with exit code 7.*the reason"
        ) as error:
            process.check()
        assert str(process.log) in str(error.value)

    def test_a_program_that_does_not_exist_is_reported_by_name(self, tmp_path):
        with pytest.raises(ProcessError, match=r"Jaeger did not start: .*no-such-program"):
            Process("Jaeger", ["/no-such-program"], log=tmp_path / "log").start()

    def test_one_that_was_never_started_is_stopped_without_ado(self, tmp_path):
        process = Process("program", ["/no-such-program"], log=tmp_path / "log")
        process.terminate()
        assert process.stop() == 0
        with pytest.raises(ProcessError, match="program has not been started"):
            process.check()

    def test_signals_that_are_put_off_here_reach_the_process(self, start):
        """What is started in an undisturbed block can be ended as any other process."""
        with undisturbed():
            process = start(_SLEEP)
        assert process.stop(_BOUND) == -signal.SIGTERM

    @pytest.mark.parametrize(("code", "succeeds"), [("print(1)", True), ("exit(2)", False)])
    def test_wait_for_success_wants_exit_code_0(self, start, code, succeeds):
        process = start(code, wait=False)
        if succeeds:
            process.wait_for_success(_BOUND)
        else:
            with pytest.raises(ProcessError, match="exit code 2"):
                process.wait_for_success(_BOUND)

    def test_stop_all_gives_the_exit_codes_in_order(self, start):
        processes = [start(_SLEEP), start(_STUBBORN)]
        assert stop_all(processes, 1.0) == [-signal.SIGTERM, -signal.SIGKILL]


class TestWaitFor:
    def test_it_gives_what_was_found(self):
        answers = iter([None, "", "found"])
        assert wait_for("an answer", lambda: next(answers), timeout=_BOUND) == "found"

    def test_it_ends_when_the_time_is_up(self):
        with pytest.raises(ProcessError, match="a miracle did not come within 0 s"):
            wait_for("a miracle", lambda: None, timeout=0.0)

    def test_it_ends_when_a_process_has_ended(self, start):
        process = start("print('gone')", name="the service")
        with pytest.raises(ProcessError, match="the service ended with exit code 0"):
            wait_for("a miracle", lambda: None, timeout=_BOUND, processes=[process])


class TestPorts:
    def test_free_ports_are_free_and_differ(self):
        ports = free_ports(5)
        assert len(set(ports)) == 5
        assert all(is_free(port) for port in ports)

    def test_a_port_that_is_listened_at_is_not_free(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            assert not is_free(listener.getsockname()[1])

    def test_a_port_is_served_while_somebody_listens_and_stays_free_for_who_wants_it(self):
        (port,) = free_ports(1)
        assert not is_served(port)
        with socket.create_server(("127.0.0.1", port)):
            assert is_served(port)
        assert not is_served(port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_undisturbed_puts_signals_off_until_the_end_of_the_outermost_block(number):
    """What has to be stopped is stopped whole before the signal's handler runs."""
    arrived = []
    before = signal.signal(number, lambda *_: arrived.append(1))
    try:
        with undisturbed():
            with undisturbed():
                os.kill(os.getpid(), number)
                os.kill(os.getpid(), number)
            assert arrived == []
        assert arrived == [1]
    finally:
        signal.signal(number, before)


def test_undisturbed_does_nothing_in_other_threads():
    """Only the main thread may set handlers, and only it runs them."""
    with ThreadPoolExecutor(1) as pool:

        def try_it():
            with undisturbed():
                return signal.getsignal(signal.SIGTERM)

        assert pool.submit(try_it).result() is signal.getsignal(signal.SIGTERM)
