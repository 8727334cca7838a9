"""The bounded queue of finished spans, and the one export thread of a process.

Rules, all of which the hot path depends on:

- :meth:`Pipeline.put` takes no lock, does no I/O and never raises. It may run anywhere: in a signal
  handler, in a finalizer, in a greenlet.
- The export thread is started by the first span of a process, so that a master which forks later has
  none. It is a native thread under eventlet and gevent too; it never logs and takes no lock that a
  greenlet could hold.
- Whoever takes the token out of ``_parked`` wakes or starts the thread; ``list.pop`` is atomic, so there
  is exactly one.
- What does not fit is dropped and counted: exported + dropped + waiting = ended.
"""

from __future__ import annotations

import os
import sys
import weakref
from _queue import Empty, SimpleQueue
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from os import getpid
from time import monotonic
from typing import Any

from otel_bridge.export import native
from otel_bridge.export.outcome import Exporter
from otel_bridge.log import warn
from otel_bridge.tracing.counter import Counter
from otel_bridge.tracing.spans import Span

#: What the export thread waits at: None is rung for spans, a queue by who waits for a flush.
_Bell = SimpleQueue[SimpleQueue[bool] | None]

#: Spans that are encoded in one go. Between two chunks the thread offers the GIL, so that a service with
#: work to do does not wait for a whole batch.
CHUNK = 256
#: Bytes of a request after which the next one is begun. Collectors refuse very long ones whole.
MAX_REQUEST = 4 << 20
#: Seconds that an export may last when nothing presses.
_FOREVER = 1e9
#: Seconds that are left at exit to a collector which did not answer last time.
_UNREACHABLE_GRACE = 1.0
#: Seconds after which an idle thread looks at the queue unasked. Nothing depends on it, except that a
#: signal handler which raises in the middle of :meth:`Pipeline.put` can cost a wake-up.
LOOK_AGAIN = 60.0


@dataclass(frozen=True, slots=True)
class PipelineStats:
    """Counts of spans since the process began (or was forked)."""

    #: Accepted by the backend.
    exported: int
    #: Lost, by reason: ``queue_full``, ``rejected``, ``refused``, ``unreachable``, ``shutdown``, ``failed``.
    dropped: Mapping[str, int] = field(default_factory=dict)
    #: In the queue or on their way.
    waiting: int = 0

    @property
    def ended(self) -> int:
        """Spans that were handed over: exported, dropped and waiting."""
        return self.exported + sum(self.dropped.values()) + self.waiting


class Pipeline:
    """Takes finished spans and has an exporter send them."""

    def __init__(
        self,
        exporter: Exporter,
        *,
        capacity: int = 32768,
        batch: int = 8192,
        interval: float = 0.2,
        exit_timeout: float = 5.0,
        notices: list[str] | None = None,
    ) -> None:
        """
        Args:
            exporter: encodes and sends, on the export thread.
            capacity: spans that may wait; more are dropped and counted.
            batch: most spans of one request.
            interval: seconds between a first span and the request that takes it along.
            exit_timeout: seconds that :meth:`shutdown` may take.
            notices: receives lines for the operator (bounded); somebody else logs them.
        """
        self.exporter = exporter
        self.capacity = capacity
        self.batch = batch
        self.interval = interval
        self.exit_timeout = exit_timeout
        self.notices: list[str] = [] if notices is None else notices
        self._renewing = native.allocate_lock()
        self._reset()
        _pipelines.add(self)

    def _reset(self) -> None:
        # Everything that two threads of the parent may have been in the middle of.
        self._queue: deque[Span] = deque()
        self._full = Counter()
        #: What ``_full`` said when the pipeline was shut down; what it says beyond that came too late.
        self._full_before: int | None = None
        self._exported = 0
        self._dropped: dict[str, int] = {}
        self._taken = 0
        #: Holds a token while nobody comes to look: who takes it must wake or start the thread.
        self._parked = [True]
        #: Holds a token while nobody drains.
        self._turn = [True]
        self._bell: _Bell = SimpleQueue()
        self._started = False
        self._stopping = False
        self._deadline = _FOREVER
        self._reachable = True
        self._pid = getpid()  # last: who sees it may go on

    def after_fork(self) -> None:
        """Begin anew in a forked child: what was queued belongs to the parent, which exports it."""
        if self._pid != getpid():
            # After a fork in C two threads may find it out at once. The lock is bounded, not trusted: it
            # may have been held at the fork, or by what a signal handler has interrupted.
            held = self._renewing.acquire(timeout=1.0)
            try:
                if self._pid != getpid():
                    self._reset()
            finally:
                if held:
                    self._renewing.release()

    # -- callers --------------------------------------------------------------------------------------

    def put(self, span: Span) -> None:
        """Queue a finished span, or drop it when the queue is full."""
        queue = self._queue
        if len(queue) < self.capacity:
            queue.append(span)
        else:
            self._full.add()
        if self._parked:
            self._wake()

    def _wake(self) -> None:
        try:
            self._parked.pop()
        except IndexError:  # somebody else has it, and rings
            return
        if self._started:
            self._bell.put(None)
        elif not self._stopping:
            self._start()

    def _start(self) -> None:
        self._started = True
        try:
            if not _exit_hooks_installed(self._pid):
                _install_exit_hooks(self._pid)
            native.start_thread(self._run)
        except Exception:  # no more threads, or the interpreter is going down: the exit hook drains
            self._started = False
            self._parked.append(True)

    def force_flush(self, timeout: float = 30.0) -> bool:
        """Export what has ended so far.

        Args:
            timeout: seconds to wait at most. The wait is native: under eventlet it holds the hub.

        Returns:
            False if that took longer.
        """
        self.after_fork()
        if not self._started:
            return self._drain_here(timeout)
        done: SimpleQueue[bool] = SimpleQueue()
        self._bell.put(done)
        if not self._started:  # the thread has ended meanwhile, perhaps without having seen it
            return self._drain_here(timeout)
        try:
            return done.get(timeout=timeout)
        except Empty:
            return False

    def _drain_here(self, timeout: float) -> bool:
        """Export on the caller's thread: for a process in which no thread can be started any more."""
        if not self._queue:
            return True
        return self._drain(_nothing, monotonic() + timeout) and not self._queue

    def shutdown(self, *, quiet: bool = False) -> None:
        """Export what there is within ``exit_timeout``; then spans are dropped. Idempotent.

        Args:
            quiet: log nothing: for a signal handler, which may have interrupted whoever holds the lock
                of a log handler.
        """
        self.after_fork()
        if self._stopping:
            return
        self._stopping = True
        timeout = self.exit_timeout if self._reachable else min(self.exit_timeout, _UNREACHABLE_GRACE)
        self._deadline = monotonic() + timeout
        self.force_flush(timeout)
        self._full_before = self._full.value()
        self.capacity = 0
        if self._drain(_nothing):
            try:
                self.exporter.close()
            except Exception as exc:  # a stock exporter's; we may be in a signal handler
                self._notice(f"the exporter could not be closed: {type(exc).__name__}")
        if quiet:
            return
        lost = sum(self.stats().dropped.values())
        while self.notices:  # nobody else will come to log them
            try:
                line = self.notices.pop(0)
            except IndexError:  # but for a request that is being served meanwhile
                break
            warn(line)
        if lost:
            warn(f"{lost} spans were lost in this process: {self._reasons()}")

    def _reasons(self) -> str:
        return ", ".join(f"{count} {reason}" for reason, count in sorted(self.stats().dropped.items()))

    def stats(self) -> PipelineStats:
        """What became of the spans so far."""
        dropped = dict(self._dropped)
        full = self._full.value()
        before = full if self._full_before is None else self._full_before
        for reason, count in (("queue_full", before), ("shutdown", full - before)):
            dropped[reason] = dropped.get(reason, 0) + count
        dropped = {reason: count for reason, count in dropped.items() if count}
        return PipelineStats(self._exported, dropped, len(self._queue) + self._taken)

    # -- the export thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        bell, parked, queue, pid = self._bell, self._parked, self._queue, self._pid
        sleep = native.sleep_function()

        def offer_gil() -> None:
            sleep(0)

        while True:
            asked: SimpleQueue[bool] | None = None
            try:
                asked = bell.get(timeout=self.interval)
            except Empty:
                pass
            if getpid() != pid:  # a fork in C copied this frame's state; its thread does not exist there
                return
            self._drain(offer_gil)
            if asked is not None:
                asked.put(True)
                if self._stopping:
                    self._started = False
                    _answer_all(bell)
                    return
            if asked is not None or queue:
                continue
            parked.append(True)
            if queue:  # a span came before the token lay there
                try:
                    parked.pop()
                    continue
                except IndexError:  # its caller took the token, and rings
                    pass
            asked = _ring(bell, queue)
            if asked is None:
                continue  # a span's caller rang: it has the token
            try:
                parked.pop()
            except IndexError:  # somebody took it meanwhile, so the bell rings once more
                pass
            bell.put(asked)

    def _drain(self, breathe: Callable[[], None], until: float = _FOREVER) -> bool:
        """Export until the queue is empty, or it is that late. False where another thread is at it."""
        try:
            self._turn.pop()
        except IndexError:
            return False
        try:
            queue = self._queue

            def give_up() -> float:
                return min(self._deadline, until)

            while queue and monotonic() < give_up():
                self._export_batch(min(len(queue), self.batch), breathe, give_up)
            if queue and self._stopping:
                count = len(queue)
                for _ in range(count):
                    queue.popleft()
                self._drop("shutdown", count)
        except Exception as exc:  # no memory, for example: the thread lives on, and tries again
            lost, self._taken = self._taken, 0
            self._drop("failed", lost)
            self._notice(f"export failed: {type(exc).__name__}")
        finally:
            self._turn.append(True)
        return True

    def _export_batch(self, most: int, breathe: Callable[[], None], give_up: Callable[[], float]) -> None:
        take = self._queue.popleft
        chunks: list[Any] = []
        count = failed = length = 0
        while count < most and length < MAX_REQUEST:
            size = min(most - count, CHUNK)
            self._taken += size
            spans = [take() for _ in range(size)]
            count += size
            try:
                chunk = self.exporter.encode(spans)
                chunks.append(chunk)
                if isinstance(chunk, bytes):
                    length += len(chunk)
            except Exception as exc:  # a defect of ours must neither stop the thread nor go unnoticed
                failed += size
                self._notice(f"{size} spans could not be encoded: {type(exc).__name__}")
            del spans
            if len(self._queue) * 4 < self.capacity:
                breathe()
        try:
            exported, lost, detail = self.exporter.send(chunks, count - failed, give_up)
            lost = dict(lost)
        except Exception as exc:
            exported, failed = 0, count
            self._reachable = False
            self._notice(f"export failed: {type(exc).__name__}")
        else:
            self._reachable = "unreachable" not in lost
            for reason, number in lost.items():
                self._drop(reason, number)
            if detail:
                self._notice(f"spans were lost: {detail}" if lost else detail)
        if failed:
            self._drop("failed", failed)
        self._exported += exported
        self._taken -= count

    def _drop(self, reason: str, count: int) -> None:
        self._dropped[reason] = self._dropped.get(reason, 0) + count

    def _notice(self, line: str) -> None:
        if len(self.notices) < 16 and line not in self.notices:
            self.notices.append(line)


def _nothing() -> None:
    """What is done between two chunks when nobody waits for the GIL."""


def _ring(bell: _Bell, queue: deque[Span]) -> SimpleQueue[bool] | None:
    """Wait until somebody rings, or there is work of which nobody has told."""
    while True:
        try:
            return bell.get(timeout=LOOK_AGAIN)
        except Empty:
            if queue:
                return None


def _answer_all(bell: _Bell) -> None:
    """Let go whoever waits for a flush: everything is exported, or dropped."""
    while True:
        try:
            asked = bell.get_nowait()
        except Empty:
            return
        if asked is not None:
            asked.put(True)


# -- processes ----------------------------------------------------------------------------------------

_pipelines: weakref.WeakSet[Pipeline] = weakref.WeakSet()
_hooked_pids: set[int] = set()


def _exit_hooks_installed(pid: int) -> bool:
    return pid in _hooked_pids


def _install_exit_hooks(pid: int) -> None:
    """Flush when the process ends in an orderly way.

    Python's ``atexit`` runs at the end of the interpreter and of uWSGI's workers; mod_wsgi's
    sub-interpreters never get there and have a hook of their own.
    """
    import atexit

    inherited = bool(_hooked_pids)  # a forked child has its parent's registration
    _hooked_pids.add(pid)
    if not inherited:
        atexit.register(shutdown_all)
        mod_wsgi: Any = sys.modules.get("mod_wsgi")
        if mod_wsgi is not None and hasattr(mod_wsgi, "subscribe_shutdown"):
            try:
                mod_wsgi.subscribe_shutdown(lambda *_args, **_kwargs: shutdown_all())
            except Exception:  # it does not want to: what is queued at the end is lost, and nothing else
                return


def shutdown_all() -> None:
    """Shut down every pipeline of this process."""
    for pipeline in list(_pipelines):
        with suppress(Exception):  # nobody is there any more to tell, and the others have spans as well
            pipeline.shutdown()


def _after_fork_in_child() -> None:
    for pipeline in list(_pipelines):
        pipeline.after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
