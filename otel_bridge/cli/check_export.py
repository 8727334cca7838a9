"""Whether spans get from this host to where people look for them."""

from __future__ import annotations

import argparse
import ipaddress
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from otel_bridge.cli import check_clock, check_endpoint, check_probe, source
from otel_bridge.cli.check_service import Service
from otel_bridge.cli.errors import UsageError
from otel_bridge.cli.findings import Finding, note, problem
from otel_bridge.cli.source import Source
from otel_bridge.stores import tls
from otel_bridge.stores.address import Address
from otel_bridge.stores.file import FileStore
from otel_bridge.stores.protocol import StoreError

if TYPE_CHECKING:
    from otel_bridge.stores.protocol import TraceStore

#: Seconds that one request to a store may take.
TIMEOUT: Final = 5.0
_BY_DEFAULT: Final = "the default"


class _Store(NamedTuple):
    """Where the probe is looked for."""

    source: Source
    store: TraceStore
    #: Nobody has named it: it is just there.
    guessed: bool


def findings(service: Service, args: argparse.Namespace) -> Iterator[Finding]:
    """Ask the endpoint, compare clocks, send a probe and read it back.

    Args:
        service: what was configured.
        args: ``store``, ``config_file``, ``probe`` and ``timeout`` of the command line.
    """
    export = service.settings.export
    if any(found.fatal for found in service.settings.problems) or export.protocol in ("none", "console"):
        return
    if export.protocol == "grpc":
        from otel_bridge.cli import check_grpc

        takes_spans = yield from check_grpc.findings(export, service.named_by)
    else:
        reached = yield from check_endpoint.findings(export, service.named_by)
        takes_spans = reached.takes_spans
        if reached.reply is not None:
            yield from check_clock.finding(f"the endpoint, {_host(export.endpoint)},", reached.reply)
    where = yield from _find(service, args)
    if where is not None:
        yield from _clock(where, _host(export.endpoint))
    if not args.probe:
        return
    if not takes_spans:
        yield note(check_probe.ABOUT, "not sent: see what is said above of the endpoint")
        return
    sent = yield from check_probe.send(service.settings)
    if sent is not None and where is not None:
        yield from check_probe.read_back(
            sent, where.store, where.source.named_by, args.timeout, sure=not where.guessed
        )


def _find(service: Service, args: argparse.Namespace) -> Generator[Finding, None, _Store | None]:
    """The store that is to have the service's spans."""
    try:
        found = source.find(_as_for_reading(args))
    except UsageError as error:
        if args.store is not None:
            raise
        told = problem if service.settings.store else note  # it is no problem that there is none
        yield told(check_probe.READ_BACK, f"nothing is read back: {error}")
        return None
    guessed = found.named_by.startswith(_BY_DEFAULT)
    if guessed and not _is_here(_host(service.settings.export.endpoint)):
        yield note(
            check_probe.READ_BACK,
            "nothing is read back, since no store is known: give --from STORE, or set [otel_bridge] store",
        )
        return None
    quick = replace(found.options, timeout=min(found.options.timeout, TIMEOUT))
    try:
        store = source.open_store(found._replace(options=quick))
    except UsageError as error:
        if args.store is not None:
            raise
        yield problem(check_probe.READ_BACK, str(error))
        return None
    if isinstance(store, FileStore):
        yield note(
            check_probe.READ_BACK, f"{store.url} is a file, into which nothing arrives ({found.named_by})"
        )
        return None
    return _Store(found, store, guessed)


def _as_for_reading(args: argparse.Namespace) -> argparse.Namespace:
    """What the commands that read traces would be told: ours has other uses for some of their options."""
    parser = argparse.ArgumentParser()
    source.add_arguments(parser)
    options = [f"--config-file={file}" for file in args.config_file]
    if args.store is not None:
        options.append(f"--from={args.store}")
    return parser.parse_args(options)


def _clock(where: _Store, endpoint: str) -> Iterator[Finding]:
    """The clock of the store's host, where that is another one."""
    try:
        address = Address.parse(where.source.url)
        context = tls.context(where.source.options) if address.tls else None
    except StoreError:  # a file of this machine; or TLS files that are none, which reading tells
        return
    if address.host == endpoint:
        return
    reply = check_clock.ask(address, context)
    if reply is not None:
        yield from check_clock.finding(f"the store, {address.host},", reply)


def _host(url: str) -> str:
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname or url
    except ValueError:
        return url


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
