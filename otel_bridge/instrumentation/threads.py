"""Threads, pools and greenlets: work that a traced unit hands on belongs to its trace.

Each unit of work is carried by itself (:class:`~otel_bridge.tracing.carried.Carried`), and only where a trace
is current; the threads of pools get none, so nothing of one request is left to the next. asyncio carries its
tasks without our help, and what it hands to an executor is submitted like anything else. Process pools are
left alone: a context cannot be sent to another process.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Collection, Sequence
from types import ModuleType
from typing import Any

from opentelemetry.context.context import Context

from otel_bridge.instrumentation.base import ReplacingInstrumentor
from otel_bridge.instrumentation.imports import when_imported
from otel_bridge.instrumentation.infrastructure import is_infrastructure, is_loop
from otel_bridge.replacing import Replacements
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing.carried import DELAYED, Carried, handed_on

_get = ctx.get
_Wrapped = Callable[..., Any]
#: Attribute of a greenlet that has not begun yet: the context that it was spawned in, if that was traced.
_SPAWNED_IN = "_otel_bridge_context"


class ThreadsInstrumentor(ReplacingInstrumentor):
    """Carries the trace across ``threading``, ``concurrent.futures``, futurist and eventlet.

    ``instrument()`` takes no options: no span is made here.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        return ()  # the standard library; the others are instrumented when they are there

    def _replace(self, replacements: Replacements, **_options: Any) -> None:
        carrying = _Carrying()
        replacements.at_undo(carrying.stop)
        replacements.wrap(threading.Thread, "start", carrying.thread)

        def pools(module: ModuleType) -> None:
            replacements.wrap(module.ThreadPoolExecutor, "submit", carrying.submit)

        def futurist(module: ModuleType) -> None:
            # The dynamic executor has the thread pool's submit; the process pool has one of its own.
            for name in ("ThreadPoolExecutor", "SynchronousExecutor", "GreenThreadPoolExecutor"):
                replacements.wrap(getattr(module, name), "submit", carrying.submit_to_futurist)
            delayed = getattr(module, "DelayedExecutorMixinBase", None)  # futurist 3.4
            if delayed is not None:
                replacements.wrap(delayed, "submit_after", carrying.submit_after)

        def greenlets(module: ModuleType) -> None:
            # Not the functions of the module, which others import by name: what all of them come by.
            replacements.wrap(module.GreenThread, "__init__", carrying.greenlet)
            replacements.wrap(module.GreenThread, "main", carrying.main)
            replacements.wrap(module, "_spawn_n", carrying.spawn_n)
            # These only to learn that it is for later. One imported by name before counts as one hand.
            package, delaying = sys.modules["eventlet"], module.spawn_after
            replacements.wrap(module, "spawn_after", carrying.spawn_after)
            replacements.wrap(module, "spawn_after_local", carrying.spawn_after)
            if getattr(package, "spawn_after", None) is delaying:
                replacements.replace(package, "spawn_after", module.spawn_after)

        def native(module: ModuleType) -> None:
            replacements.wrap(module, "execute", carrying.execute)

        for name, instrument in (
            ("concurrent.futures.thread", pools),
            ("futurist._futures", futurist),
            ("eventlet.greenthread", greenlets),
            ("eventlet.tpool", native),
        ):
            when_imported(name, instrument)


class _Carrying:
    """Makes the wrapped functions, which carry for as long as the instrumentation is on."""

    __slots__ = ("active",)

    def __init__(self) -> None:
        #: False after ``uninstrument()``: where somebody else has wrapped a function it stays in use.
        self.active = True

    def stop(self) -> None:
        self.active = False

    def carry(self, function: Any, times: int = 1, args: Sequence[Any] = ()) -> Any:
        """What to hand on in the place of ``function``, called with ``args``. Never raises.

        The wrapped functions leave the context to this one: a frame of theirs may be kept by an exception.
        """
        if not self.active or function.__class__ is Carried or is_loop(function, args):
            return function
        handed = handed_on(_get(), times)
        return function if handed is None else Carried(function, handed)

    # -- pools ----------------------------------------------------------------------------------------

    def submit(self, found: _Wrapped) -> _Wrapped:
        carry = self.carry

        def submit(pool: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            if _get() and not _pickles(pool):
                fn = carry(fn)
            return found(pool, fn, *args, **kwargs)

        return submit

    def submit_to_futurist(self, found: _Wrapped) -> _Wrapped:
        carry = self.carry

        def submit(pool: Any, /, fn: Any, *args: Any, **kwargs: Any) -> Any:  # here it may be named
            if _get():
                fn = carry(fn)
            return found(pool, fn, *args, **kwargs)

        return submit

    def submit_after(self, found: _Wrapped) -> _Wrapped:
        carry = self.carry

        def submit_after(pool: Any, /, delay: Any, fn: Any, *args: Any, **kwargs: Any) -> Any:
            if _get():
                fn = carry(fn, DELAYED)
            return found(pool, delay, fn, *args, **kwargs)

        return submit_after

    def execute(self, found: _Wrapped) -> _Wrapped:
        carry = self.carry

        def execute(meth: Any, *args: Any, **kwargs: Any) -> Any:
            if _get():
                meth = carry(meth)
            return found(meth, *args, **kwargs)

        return execute

    # -- threads --------------------------------------------------------------------------------------

    def thread(self, found: _Wrapped) -> _Wrapped:
        def start(thread: threading.Thread) -> Any:
            if not _get() or not self.active or is_infrastructure(thread):
                return found(thread)
            handed = handed_on(_get(), DELAYED if isinstance(thread, threading.Timer) else 1)
            if handed is None:
                return found(thread)
            return _start(found, thread, handed)

        return start

    # -- greenlets ------------------------------------------------------------------------------------

    def greenlet(self, found: _Wrapped) -> _Wrapped:
        def __init__(greenlet: Any, *args: Any, **kwargs: Any) -> None:
            found(greenlet, *args, **kwargs)
            if _get() and self.active:
                handed = handed_on(_get())
                if handed is not None:
                    setattr(greenlet, _SPAWNED_IN, handed)

        return __init__

    def main(self, found: _Wrapped) -> _Wrapped:
        def main(greenlet: Any, function: Any, args: Any, kwargs: Any) -> Any:
            context = greenlet.__dict__.pop(_SPAWNED_IN, None)
            if context is not None and function.__class__ is not Carried and not is_loop(function):
                function = Carried(function, context)
            context = None  # an exception keeps this frame
            return found(greenlet, function, args, kwargs)

        return main

    def spawn_n(self, found: _Wrapped) -> _Wrapped:
        carry = self.carry

        def _spawn_n(seconds: Any, func: Any, args: Any, kwargs: Any) -> Any:
            if _get():
                func = carry(func, DELAYED if seconds else 1, args)
            return found(seconds, func, args, kwargs)

        return _spawn_n

    def spawn_after(self, found: _Wrapped) -> _Wrapped:
        def spawn_after(seconds: Any, *args: Any, **kwargs: Any) -> Any:
            greenlet = found(seconds, *args, **kwargs)
            if seconds and getattr(greenlet, _SPAWNED_IN, None) is not None:
                setattr(greenlet, _SPAWNED_IN, handed_on(_get(), DELAYED))  # it has not begun yet
            return greenlet

        return spawn_after


def _pickles(pool: Any) -> bool:
    """Whether it is a pool of sub-interpreters (Python 3.14), whose work is pickled like a process pool's."""
    module = sys.modules.get("concurrent.futures.interpreter")
    return module is not None and isinstance(pool, module.InterpreterPoolExecutor)


def _start(start: _Wrapped, thread: threading.Thread, context: Context) -> Any:
    """Start a thread whose ``run`` is carried.

    On the instance, so that it does not matter which class's ``run`` it is. It is the thread that knows it,
    and it knows the thread: it takes itself away when it begins.
    """
    before = thread.__dict__.get("run")

    def restore() -> None:
        if before is None:
            thread.__dict__.pop("run", None)
        else:
            thread.__dict__["run"] = before

    def run() -> Any:
        restore()
        return thread.run()

    thread.__dict__["run"] = Carried(functools.wraps(thread.run)(run), context)
    try:
        return start(thread)
    except BaseException:
        restore()
        raise
