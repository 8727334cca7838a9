"""exits.py: a worker that ends by ``os._exit`` delivers what it recorded, in time."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from adopting import run

from otel_bridge import exits
from otel_bridge.replacing import Replacements

#: A worker, from fork to exit; what it does is in ``work``.
_WORKER = """
import json, os, sys, time
from adopting import receiving
from oslo_config import cfg
from osprofiler import notifier, opts, profiler, web
from otel_bridge import opts as our_opts, runtime

def record(count=3):
    profiler.init("key")
    for number in range(count):
        with profiler.Trace("point"):
            pass
    profiler.clean()

with receiving(hanging={hanging}) as server:
    conf = cfg.ConfigOpts()
    opts.set_defaults(conf, enabled=True, hmac_keys="key", connection_string=f"otel://{{server.netloc}}")
    our_opts.register_opts(conf)
    conf([], project="test", default_config_files=[])
    conf.set_override("exit_timeout", {exit_timeout}, "otel_bridge")
    conf.set_override("schedule_delay", {delay}, "otel_bridge")
    notifier.create(conf.profiler.connection_string, conf=conf, project="nova", service="s", host="h")
    {before}
    began = time.monotonic()
    pid = os.fork()
    if not pid:
        {work}
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    took = time.monotonic() - began
    print(json.dumps([status, took, server.named()]))
    server.hanging = False  # or the master would wait for it as well
    server.over.set()
    runtime.shutdown()
"""


def worker(work, *, hanging=False, delay=60, exit_timeout=2.0, before="pass"):
    """How a worker ends, how many seconds it takes, and what the collector gets of it."""
    code = _WORKER.format(work=work, hanging=hanging, delay=delay, exit_timeout=exit_timeout, before=before)
    return tuple(run(code))


def test_what_a_worker_recorded_last_arrives():
    """The next export would have been a minute later."""
    status, took, spans = worker("record(); os._exit(3)")
    assert (status, spans) == (3, ["point"] * 3)
    assert took < 20


@pytest.mark.parametrize("delay", [60, 0.01])
def test_with_a_collector_that_hangs_it_ends_within_exit_timeout(delay):
    """Not within what is left to a collector that is known to be away, nor within the default."""
    status, took, spans = worker("record(); os._exit(4)", hanging=True, delay=delay, exit_timeout=1.5)
    assert (status, spans) == (4, [])
    assert 1.25 < took < 4.5


def test_a_worker_that_recorded_nothing_ends_at_once():
    """Also where its master has something to say that it has not said yet."""
    status, took, _spans = worker("os._exit(5)", hanging=True, exit_timeout=20, before="record()")
    assert status == 5
    assert took < 8


def test_the_masters_spans_are_not_sent_by_the_worker():
    status, _took, spans = worker("record(1); os._exit(0)", before="record(2)")
    assert (status, spans) == (0, ["point"])


def test_a_worker_of_multiprocessing_delivers():
    code = """
    import json, multiprocessing
    from adopting import receiving
    from osprofiler import notifier, profiler

    def record():
        profiler.init("key")
        with profiler.Trace("point"):
            pass
        profiler.clean()

    with receiving() as server:
        notifier.create(f"otel://{server.netloc}", project="nova", service="s", host="h")
        from otel_bridge import gate
        from otel_bridge.wire.signing import KeyRing
        gate.enable(KeyRing.parse("key"))
        process = multiprocessing.get_context("fork").Process(target=record)
        process.start()
        process.join(20)
        print(json.dumps([process.exitcode, server.named()]))
    """
    assert run(code) == [0, ["point"]]


@pytest.mark.parametrize("status", [0, 1, 255])
def test_the_exit_status_is_kept(status):
    assert worker(f"os._exit({status})")[0] == status
    assert worker(f"record(); os._exit(status={status})")[0] == status


def exit_status(work):
    """How a forked child ends that does this."""
    pid = os.fork()
    if not pid:
        try:
            work()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture
def install():
    """Gives a function that installs a flush for as long as the test lasts."""
    replacements = Replacements()
    yield lambda flush: exits.install(flush, replacements)
    replacements.undo()


def test_a_status_that_is_none_is_the_callers_mistake(install):
    def work():
        with pytest.raises(TypeError):
            os._exit("x")
        os._exit(7)

    install(lambda: None)
    assert exit_status(work) == 7


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt(), SystemExit(1), MemoryError()])
def test_whatever_goes_wrong_in_the_flush_the_process_ends(install, error):
    def fail():
        raise error

    install(fail)
    assert exit_status(lambda: os._exit(9)) == 9


def test_a_worker_that_ends_in_a_thread_ends(install):
    def work():
        thread = threading.Thread(target=os._exit, args=(6,))
        thread.start()
        thread.join(20)

    install(lambda: None)
    assert exit_status(work) == 6


def test_afterwards_it_is_pythons_own():
    found = os._exit
    replacements = Replacements()
    exits.install(lambda: None, replacements)
    assert os._exit is not found
    assert os._exit.__name__ == "_exit"
    replacements.undo()
    assert os._exit is found


#: A worker of a service that uses otel_bridge itself.
_NATIVE = """
import json, os
from adopting import receiving
import otel_bridge

with receiving() as server:
    os.environ.update(
        OTEL_BRIDGE_HMAC_KEYS="key",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{{server.netloc}}",
        OTEL_BSP_SCHEDULE_DELAY="600000",
    )
    found = os._exit
    handle = otel_bridge.setup(project="nova", service="api")
    from otel_bridge import profiler
    pid = os.fork()
    if not pid:
        profiler.init("key")
        with profiler.Trace("point"):
            pass
        profiler.clean()
        {end}
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    otel_bridge.shutdown()
    print(json.dumps([status, server.named(), os._exit is found]))
"""


@pytest.mark.parametrize(("end", "arrives"), [("os._exit(3)", True), ("found(3)", False)])
def test_setup_installs_it_and_shutdown_removes_it(end, arrives):
    """The second case shows that the worker's spans have no other way out."""
    assert run(_NATIVE.format(end=end), activate=False) == [3, ["point"] if arrives else [], True]


def test_it_flushes_quietly():
    """The exit may come from a signal handler, which may have interrupted a log handler."""
    code = """
    import json, os
    from adopting import receiving
    import otel_bridge

    handle = otel_bridge.setup(project="nova", service="api")
    read, write = os.pipe()
    handle._pipeline.shutdown = lambda *, quiet: os.write(write, b"quiet" if quiet else b"loud")
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    print(json.dumps(os.read(read, 10).decode()))
    """
    assert run(code, activate=False, OTEL_BRIDGE_HMAC_KEYS="key") == "quiet"
