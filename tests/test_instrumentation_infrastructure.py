"""instrumentation/infrastructure.py: whose thread it is."""

from __future__ import annotations

import concurrent.futures.thread
import functools
import logging.handlers
import queue
import socketserver
import threading
import warnings
from typing import Any

import pytest

from otel_bridge.instrumentation.infrastructure import is_infrastructure, is_loop

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet's own
    import eventlet.green.thread
    import eventlet.greenpool
    import eventlet.tpool
    import futurist._green
    import futurist._thread
    import futurist.periodics
    import oslo_messaging._drivers.amqpdriver as amqpdriver
    import oslo_messaging.rpc.dispatcher as dispatcher
    import oslo_service.backend._common.loopingcall as loopingcall
    import oslo_service.backend._eventlet.loopingcall as green_loopingcall


def work() -> None:
    """A service's own."""


class Worker(threading.Thread):
    """A service's own class."""

    def run(self) -> None:
        work()


class Wrapped:
    """What ``ThreadGroup.add_thread`` of oslo.service's threading backend makes of a service's function."""

    __module__ = "oslo_service.backend._threading.threadgroup"

    def __call__(self) -> None: ...


class Unknowable:
    def __getattribute__(self, name: str) -> Any:
        if name == "__module__":
            raise RuntimeError(name)
        return super().__getattribute__(name)

    def __call__(self) -> None: ...


def of(target: Any) -> threading.Thread:
    return threading.Thread(target=target)


@pytest.mark.parametrize(
    "thread",
    [
        of(work),
        of(functools.partial(functools.partial(work))),
        of(Unknowable()),
        of(Wrapped()),
        of(print),
        threading.Thread(),
        Worker(),
        threading.Timer(1, work),
    ],
    ids=["function", "partial", "unknowable", "thread group", "builtin", "nothing", "subclass", "timer"],
)
def test_a_services_own_thread(thread: threading.Thread) -> None:
    assert not is_infrastructure(thread)


@pytest.mark.parametrize(
    "thread",
    [
        of(concurrent.futures.thread._worker),
        futurist._thread.ThreadWorker(futurist.SynchronousExecutor(), queue.Queue()),
        of(amqpdriver.ReplyWaiter.poll),
        of(functools.partial(dispatcher.RPCDispatcher._watchdog, None)),
        of(logging.handlers.QueueListener(queue.Queue())._monitor),
        of(eventlet.tpool.tworker),
        of(socketserver.BaseServer.serve_forever),
        of(loopingcall.LoopingCallBase._run_loop),
        threading.Timer(1, amqpdriver.ReplyWaiter.poll),
    ],
    ids=["pool", "futurist", "replies", "watchdog", "logging", "tpool", "server", "loop", "timer"],
)
def test_a_thread_that_serves_all(thread: threading.Thread) -> None:
    assert is_infrastructure(thread)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (work, False),
        (functools.partial(work), False),
        (None, False),
        (Unknowable(), False),
        (logging.info, False),  # a library's function that a service submits
        (green_loopingcall.FixedIntervalLoopingCall(work)._run_loop, True),
        (futurist.periodics.PeriodicWorker.start, True),
        (eventlet.green.thread.start_new_thread, True),
        (eventlet.tpool.tpool_trampoline, True),
        (futurist._green.GreenWorker(None, None), True),
        (Wrapped(), False),
    ],
)
def test_loops(function: Any, expected: bool) -> None:
    assert is_loop(function) is expected


@pytest.mark.parametrize(
    ("args", "expected"),
    [((work, (), {}), False), ((futurist._green.GreenWorker(None, None), (), {}), True), ((), False)],
)
def test_what_a_green_pool_spawns_is_known_by_its_argument(args: Any, expected: bool) -> None:
    assert is_loop(eventlet.greenpool.GreenPool()._spawn_n_impl, args) is expected
