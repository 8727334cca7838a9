"""Which store a reading command reads, and which trace in it is meant."""

from __future__ import annotations

import argparse
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from otel_bridge.cli import config_files, defaults, reaching
from otel_bridge.cli.errors import CommandError, UsageError
from otel_bridge.reports import units
from otel_bridge.reports.text import inert
from otel_bridge.stores.address import is_of_another_origin
from otel_bridge.stores.opening import FORMS
from otel_bridge.stores.options import USUAL, StoreOptions
from otel_bridge.wire import ids

if TYPE_CHECKING:
    from otel_bridge.model.trace import Trace, TraceSummary
    from otel_bridge.stores import TraceStore
    from otel_bridge.stores.protocol import Summaries

VARIABLE = "OTEL_BRIDGE_STORE"
#: Digits of a trace id that are enough to look for it.
MIN_PREFIX: Final = 4

_CANDIDATES = 10
_MAX_NAME = 100
_HEX = re.compile(r"[0-9a-f]+").fullmatch

WHY_MISSING: Final = (
    "It may be missing because",
    "  - the service did not accept the signature: the key must be one of its [profiler] hmac_keys",
    "  - tracing is disabled there: it needs [profiler] enabled = true and a restart",
    "  - its spans are not exported yet: ask again in a few seconds",
    "  - its spans go elsewhere: compare [otel_bridge] endpoint of the service with the store read here",
)


class NotFound(CommandError):
    """The store answers, but has no such trace. The message has several lines, which say why that may be."""


class Source(NamedTuple):
    """A store to read, and who named it."""

    url: str
    named_by: str
    options: StoreOptions = USUAL


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say where to read, and how that is reached."""
    parser.add_argument(
        "--from",
        dest="store",
        metavar="STORE",
        help=f"where to read: {FORMS}, an existing file of such, or - for standard input (default: "
        f"${VARIABLE}, else [otel_bridge] store of the configuration, else the database of serve)",
    )
    config_files.add_arguments(
        parser,
        "configuration file of a service, for its [otel_bridge] store, else the ?store= of its [profiler] "
        "connection_string",
    )
    reaching.add_arguments(parser)


def find(
    args: argparse.Namespace,
    environ: Mapping[str, str] = os.environ,
    *,
    url: str | None = None,
    option: str = "--from",
    beside: Source | None = None,
) -> Source:
    """The store that the options, the environment, the configuration or the default name, in that order.

    Headers and client certificates are only for the store that they were given for: those of the
    configuration for the one that it names, those of the environment for the one that the environment names,
    if it names one, those of the options for the first that a command reads. Another store of the same
    origin may have them, too.

    Args:
        args: has what :func:`add_arguments` declared.
        environ: the environment.
        url: what another option than ``--from`` said, for a command that reads two stores; None: as if
            there were no such option.
        option: the name of that option, for messages.
        beside: the store that the command reads first, where this is the second one.

    Raises:
        UsageError: none of them names one, or the options or the configuration cannot be read.
    """
    from otel_bridge import config

    if url is None:
        url, option = args.store, "--from"
    try:
        if url is not None:
            if not url.strip():
                raise UsageError(f"{option} is empty: give {FORMS}")
            found = Source(url.strip(), option, config.store_options(environ))
            named = environ.get(VARIABLE, "").strip()
            if named and is_of_another_origin(found.url, named):
                found = found._replace(options=found.options.without_credentials())
        elif environ.get(VARIABLE, "").strip():
            found = Source(environ[VARIABLE].strip(), VARIABLE, config.store_options(environ))
        elif (configured := config.load_store(args.config_file, environ)) is not None:
            found = Source(*configured)
        else:
            found = Source(_default(environ), "the default of otel-bridge serve")
    except config.ConfigError as error:
        raise UsageError(str(error)) from error
    options = reaching.overridden(found.options, args)
    if beside is not None and is_of_another_origin(found.url, beside.url):
        options = options.without_credentials()
    return found._replace(options=options)


def _default(environ: Mapping[str, str]) -> str:
    database = defaults.database(environ)
    if not database.exists():
        raise UsageError(
            f"no store to read from: give --from STORE, set {VARIABLE}, or set store in [otel_bridge] of a "
            f"--config-file ({FORMS}); otel-bridge serve has not made its database {database} yet"
        )
    return f"sqlite:{database}"


def open_store(source: Source) -> TraceStore:
    """The store itself; on a terminal, a line tells how far reading has come where it takes long.

    Raises:
        UsageError: the URL names none; the message says which of the ways it came by.
    """
    from otel_bridge.cli.progress import Progress
    from otel_bridge.stores import StoreError, open_store
    from otel_bridge.stores.address import masked

    watch = Progress(masked(source.url), width=shutil.get_terminal_size().columns)
    try:
        return open_store(source.url, replace(source.options, observer=watch))
    except StoreError as error:
        raise UsageError(f"{source.named_by}: {error}") from error


def resolve(store: TraceStore, text: str | None) -> int:
    """The id of the trace that somebody means.

    Args:
        store: where to look for an id that is not whole.
        text: a UUID in any spelling, 32 hexadecimal digits, or the beginning of either, of at least
            :data:`MIN_PREFIX` digits. Whole ids are not looked for. None: the only trace of a file.

    Raises:
        UsageError: it is none of these, or the beginning of several ids, which the message lists.
        NotFound: no trace of the store begins like this.
        CommandError: the store does not answer.
    """
    if text is None:
        return _only(store)
    plain = text.strip().lower().removeprefix("urn:uuid:").strip("{}")
    try:
        return ids.parse_trace_id(plain)
    except ValueError as error:
        prefix = _prefix(plain)
        if prefix is None:
            raise UsageError(f"{error}, or the first {MIN_PREFIX} digits of one, or more") from None
    found = _list(store, id_prefix=prefix)
    if not found:
        raise NotFound(f"no trace whose id begins with {prefix} in {store.url}: give the whole id")
    if len(found) > 1:
        raise UsageError(_choice(f"several ids begin with {prefix}: give more digits", found))
    return found[0].trace_id


def fetch(store: TraceStore, trace_id: int) -> Trace:
    """The trace.

    Raises:
        NotFound: there is no span of it.
        CommandError: the store does not answer.
    """
    from otel_bridge.stores import StoreError, TraceNotFound

    try:
        trace = store.get(trace_id)
    except TraceNotFound as error:
        raise NotFound("\n".join([str(error), *WHY_MISSING])) from error
    except StoreError as error:
        raise CommandError(str(error)) from error
    if not trace.spans:
        missing = f"trace {ids.base_id(trace_id)} has no spans in {store.url}"
        raise NotFound("\n".join([missing, *WHY_MISSING]))
    return trace


def _list(store: TraceStore, *, id_prefix: str | None = None) -> Summaries:
    from otel_bridge.stores import StoreError, TraceQuery

    try:
        return store.list(TraceQuery(limit=_CANDIDATES + 1, id_prefix=id_prefix))
    except StoreError as error:
        raise CommandError(str(error)) from error


def _only(store: TraceStore) -> int:
    """The trace of a file that holds one."""
    if not store.url.startswith("file:"):
        raise UsageError("say which trace: a UUID, 32 hexadecimal digits, or what its id begins with")
    found = _list(store)
    if not found:
        raise NotFound(f"{store.url} holds no trace")
    if len(found) > 1:
        raise UsageError(_choice(f"{store.url} holds several traces: say which", found))
    return found[0].trace_id


def _prefix(text: str) -> str | None:
    """The digits that an id begins with; None: no id begins like this."""
    digits = text.replace("-", "")
    if not MIN_PREFIX <= len(digits) < 32 or not _HEX(digits):
        return None
    as_uuid = ids.base_id(int(digits.ljust(32, "0"), 16))
    return digits if text == digits or text == as_uuid[: len(text)] else None


def _choice(first: str, found: Sequence[TraceSummary]) -> str:
    """The message that lists what could have been meant: a line each."""
    lines = [
        f"  {ids.base_id(one.trace_id)}  {units.moment(one.start_ns)}  "
        f"{inert(f'{one.root_service}  {one.root_name}', limit=_MAX_NAME)}"
        for one in found[:_CANDIDATES]
    ]
    return "\n".join([first, *lines, *(["  ..."] if len(found) > _CANDIDATES else [])])
