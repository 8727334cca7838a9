"""The span of one command of a command-line client: a root, since no request stands above it.

Semantic conventions for CLI programs: ``process.executable.name``, ``process.exit.code`` and ``error.type``.
No argument of the command is recorded, and no message of an error, which would quote one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.context.context import Context
from opentelemetry.trace import SpanKind, StatusCode

from otel_bridge import gate, runtime
from otel_bridge.adopt import osprofiler
from otel_bridge.log import LOG
from otel_bridge.tracing import context as ctx
from otel_bridge.tracing.tracer import Tracer
from otel_bridge.version import __version__

#: ``service.name`` of the client, unless ``OTEL_SERVICE_NAME`` says otherwise.
SERVICE = "openstackclient"
#: What people call it: the first word of a span's name.
PROGRAM = "openstack"
#: Seconds that the end of the client may wait for its span to leave. Four round trips to another continent,
#: TLS included, take one; and who waits for a prompt notices three.
EXIT_TIMEOUT = 2.0
#: What a shell makes of Ctrl-C and of a pipe whose reader has gone: 128 and the number of the signal.
_SIGINT_EXIT, _SIGPIPE_EXIT = 130, 141

_tracer: Tracer | None = None
_asked = False


def ready(key: str | None) -> bool:
    """Whether commands signed with ``key`` make spans. Sets everything up when it is asked first.

    Where spans have nowhere to go, osprofiler is left alone: children of a span that is never exported would
    hang in the air.

    Raises:
        Exception: OpenTelemetry, or osprofiler, is not as it should be.
    """
    global _asked
    if not _asked:
        _asked = True
        _prepare()
    return _tracer is not None and isinstance(key, str) and gate.key_for(key) is not None


def _prepare() -> None:
    global _tracer
    handle = runtime.for_client(SERVICE, EXIT_TIMEOUT)
    settings = handle.settings
    if handle.unusable or not settings.gate.enabled or settings.export.protocol == "none":
        return
    osprofiler.adopt()
    _tracer = handle.tracer_provider.get_tracer(__name__, __version__)


def is_traced() -> bool:
    """Whether a trace has begun."""
    return ctx.trace_info() is not None


class Command:
    """A command that runs; its span is current."""

    def __init__(self, tracer: Tracer, before: Context) -> None:
        self._before = before
        self._known = False
        self._error: BaseException | None = None
        self._span: Any = tracer.start_span(
            PROGRAM, kind=SpanKind.CLIENT, attributes={"process.executable.name": PROGRAM}
        )
        ctx.set_(ctx.with_span(ctx.get(), self._span))

    @classmethod
    def begin(cls, init_profile: Callable[[], None]) -> Command | None:
        """Begin a command.

        Args:
            init_profile: begins the trace, unless it has begun: then this is one of several commands in it.

        Returns:
            None where there is no trace after that; the command runs without a span.
        """
        before = ctx.get()
        init_profile()
        return cls(_tracer, before) if _tracer is not None and is_traced() else None

    def note(self, manager: Any, command: Any, error: BaseException | None) -> None:
        """Take down the command's name and why it failed. Never raises.

        Args:
            manager: the application's command manager, which knows the names of all commands.
            command: the command object.
            error: what it raised.
        """
        self._known, self._error = True, error
        try:
            name = getattr(command, "cmd_name", None)
            if isinstance(name, str) and name:
                self._span.update_name(f"{PROGRAM} {_full_name(manager, name)}")
        except Exception:  # a manager of another kind
            LOG.debug("the command has no name", exc_info=True)

    def end(self, result: Any, exc: BaseException | None = None) -> None:
        """End the span, and leave the trace if the command began it.

        What is no command, a typing error, has made no request and leaves no span.

        Args:
            result: the exit code.
            exc: what has left the command instead.
        """
        ctx.set_(self._before)
        if not self._known:
            return
        code = _exit_code(result, exc)
        span = self._span
        span.set_attribute("process.exit.code", code)
        if code:
            error = self._error if exc is None or isinstance(exc, SystemExit) else exc
            if error is not None:
                span.fail(error, message=None)
            else:
                span.set_attribute("error.type", str(code))
                span.set_status(StatusCode.ERROR, f"exit code {code}")
        span.end()


def _exit_code(result: Any, exc: BaseException | None) -> int:
    if isinstance(exc, SystemExit):
        result = exc.code
        if result is not None and not isinstance(result, int):  # a message, which Python prints
            return 1
    elif exc is not None:
        return {KeyboardInterrupt: _SIGINT_EXIT, BrokenPipeError: _SIGPIPE_EXIT}.get(type(exc), 1)
    return int(result) if isinstance(result, int) else 0


def _full_name(manager: Any, typed: str) -> str:
    """The name of the command that was meant: cliff takes any unambiguous beginning of each word."""
    names = list(manager.commands)
    if typed in names:
        return typed
    words = typed.split()
    meant = [
        name
        for name in names
        if len(parts := name.split()) == len(words) and all(map(str.startswith, parts, words))
    ]
    return str(meant[0]) if len(meant) == 1 else typed
