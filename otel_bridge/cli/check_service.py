"""Whether a service with this configuration would be traced, and its spans be taken."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from otel_bridge import config, opts
from otel_bridge.cli.errors import UsageError
from otel_bridge.cli.findings import Finding, ok, problem
from otel_bridge.config import connection as connections
from otel_bridge.config import endpoint
from otel_bridge.config.reading import read_files

if TYPE_CHECKING:
    from otel_bridge.settings import Settings

#: Seconds that the endpoint has to answer.
TIMEOUT: Final = 5.0
_ENABLED: Final = "[profiler] enabled"
_KEYS: Final = "[profiler] hmac_keys"
_INSTRUMENT: Final = "[otel_bridge] instrument"
_ENDPOINT: Final = "endpoint"


def findings(config_files: Sequence[str], *, connect: bool = True) -> Iterator[Finding]:
    """Look at the configuration, with the environment of this process.

    Args:
        config_files: what the service is started with as ``--config-file``.
        connect: send an empty export to the endpoint.

    Raises:
        UsageError: a file cannot be read.
    """
    from oslo_config import cfg

    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    try:
        read_files(conf, config_files)
    except config.ConfigError as error:
        raise UsageError(str(error)) from error
    try:
        chosen: str = conf.profiler.connection_string
    except cfg.Error:
        yield problem(connections.ORIGIN, "its value cannot be read (a $ has to be written $$)")
        return
    ours = connections.is_ours(chosen)
    settings = config.from_conf(conf, os.environ, connection=chosen if ours else None)
    yield from _gate(conf, settings)
    shown = endpoint.mask(chosen)
    wrong = {found.option for found in settings.problems}
    if ours and connections.ORIGIN not in wrong:
        yield ok(connections.ORIGIN, shown)
    elif not ours:
        yield problem(
            connections.ORIGIN,
            f"{shown} is another driver's: only a service that calls otel_bridge.setup() is traced; set it to"
            " otel://HOST:PORT",
        )
    if ours and "messaging" in settings.instrument:
        yield problem(
            _INSTRUMENT,
            f"with {shown} OSProfiler's trace points are the spans: messaging makes a second one of each RPC;"
            " leave it out, unless the service calls otel_bridge.setup() without osprofiler",
        )
    for found in settings.problems:
        yield problem(found.option, found.message)
    yield from _export(settings, connect)


def _gate(conf: Any, settings: Settings) -> Iterator[Finding]:
    if settings.gate.enabled:
        yield ok(_ENABLED, "true")
        if not any(found.option == _KEYS for found in settings.problems):
            count = len(settings.gate.keys.keys)
            yield ok(_KEYS, f"{count} key{'' if count == 1 else 's'}")
    elif not any(found.fatal for found in settings.problems):
        yield problem(_ENABLED, "false, or switched off otherwise: no request is traced")


def _export(settings: Settings, connect: bool) -> Iterator[Finding]:
    export = settings.export
    if any(found.fatal for found in settings.problems):
        yield problem(_ENDPOINT, "none, until what is said above is corrected: the service runs untraced")
    elif export.protocol == "none":
        yield problem(_ENDPOINT, "protocol is none: spans go nowhere")
    elif export.protocol == "console":
        yield ok(_ENDPOINT, "protocol is console: spans go to standard output")
    else:
        yield ok(_ENDPOINT, f"{export.protocol} to {export.target}")
        if connect:
            yield _answer(settings)


def _answer(settings: Settings) -> Finding:
    """Whether the endpoint takes an export without a span in it."""
    from otel_bridge.export.exporters import make_exporter

    about = "answer"
    began = monotonic()
    said = _Said()
    logger = logging.getLogger("opentelemetry")  # where the gRPC exporter complains
    logger.addHandler(said)
    before, logger.propagate = logger.propagate, False
    try:
        limited = replace(settings.export, timeout=min(settings.export.timeout, TIMEOUT))
        exporter = make_exporter(replace(settings, export=limited))
        try:
            chunk: Any = b"" if limited.protocol == "http/protobuf" else []
            outcome = exporter.send([chunk], 1, lambda: began + TIMEOUT)
        finally:
            exporter.close()
    except Exception as error:
        return problem(about, f"the exporter cannot be made: {type(error).__name__}: {error}")
    finally:
        logger.removeHandler(said)
        logger.propagate = before
    took = monotonic() - began
    reason = "; ".join(part for part in (outcome.detail, said.last) if part)
    if outcome.exported and not reason:
        return ok(about, f"an empty export was accepted within {took * 1000:.0f} ms")
    return problem(about, reason or f"none within {took:.0f} s")


class _Said(logging.Handler):
    """The last line that a stock exporter logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = " ".join(record.getMessage().split())[:200]
