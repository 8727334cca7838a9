"""Where traces are read from, and how that is reached: for commands, not for services."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from otel_bridge.config import connection as connections
from otel_bridge.config.endpoint import parse_headers
from otel_bridge.config.reading import read_files
from otel_bridge.settings import ConfigError

if TYPE_CHECKING:
    from oslo_config.cfg import ConfigOpts

    from otel_bridge.stores.options import StoreOptions

#: In front of the names of the variables; the options have the rest of the name after ``store_``.
PREFIX: Final = "OTEL_BRIDGE_STORE_"
#: Seconds that a request may be given.
MAX_TIMEOUT: Final = 3600.0


class ConfiguredStore(NamedTuple):
    """The store that a configuration names."""

    url: str
    #: The option that names it, as the operator writes it.
    origin: str
    options: StoreOptions


def load_store(config_files: Sequence[str], environ: Mapping[str, str]) -> ConfiguredStore | None:
    """The store that a service's configuration files name; None where they name none.

    It is ``[otel_bridge] store``, else ``?store=`` of OSProfiler's connection string, if that chooses us.

    Args:
        config_files: the files; none of them is an empty configuration.
        environ: the environment, for :func:`store_options`.

    Raises:
        ConfigError: a file cannot be read or understood; the message names it.
    """
    from oslo_config import cfg

    from otel_bridge import opts

    conf = cfg.ConfigOpts()
    conf.register_opts(opts.OPTS, group="otel_bridge")
    conf.register_opt(cfg.StrOpt("connection_string", default=""), group="profiler")
    read_files(conf, config_files)
    origin = "[otel_bridge] store"
    try:
        store: str | None = conf.otel_bridge.store
        if not store:
            origin = connections.ORIGIN
            chosen = conf.profiler.connection_string
            store = connections.parse(chosen).store if connections.is_ours(chosen) else None
    except cfg.Error:  # its message may quote what follows a $, which may be a password's
        raise ConfigError(origin, "its value cannot be read (a $ has to be written $$)") from None
    except (ValueError, OSError) as error:
        raise ConfigError(origin, f"cannot be read: {' '.join(str(error).split())}") from None
    return ConfiguredStore(store, origin, store_options(environ, conf)) if store else None


def store_options(environ: Mapping[str, str], conf: ConfigOpts | None = None) -> StoreOptions:
    """How to reach a store: the variables ``OTEL_BRIDGE_STORE_*``, and where these are not set the options
    ``[otel_bridge] store_*``.

    Args:
        environ: the environment. It is set by who reads, so it holds for whatever store that one names.
        conf: the configuration, with the options of :mod:`otel_bridge.opts`, if it is what names the store.
            For any other store it must be None: its credentials are not for that one.

    Raises:
        ConfigError: one of them cannot be used. No message shows any part of a header.
    """
    from otel_bridge.stores.options import USUAL, StoreOptions

    timeout, origin = _value("timeout", environ, conf)
    return StoreOptions(
        headers=_headers(*_value("headers", environ, conf)),
        ca_file=_value("ca_file", environ, conf)[0],
        cert_file=_value("client_cert", environ, conf)[0],
        key_file=_value("client_key", environ, conf)[0],
        timeout=USUAL.timeout if timeout is None else _seconds(timeout, origin),
    )


def _value(name: str, environ: Mapping[str, str], conf: ConfigOpts | None) -> tuple[str | None, str]:
    """What was set, None where nothing was, and where."""
    variable = PREFIX + name.upper()
    found = environ.get(variable, "").strip()
    if found or conf is None:
        return found or None, variable
    from oslo_config import cfg

    origin = f"[otel_bridge] store_{name}"
    try:
        value: Any = conf["otel_bridge"][f"store_{name}"]
    except (cfg.Error, ValueError):  # its message may quote what follows a $, which may be a password's
        raise ConfigError(origin, "its value cannot be used (a $ has to be written $$)") from None
    text = "" if value is None else str(value).strip()
    return text or None, origin


def _headers(text: str | None, origin: str) -> Mapping[str, str]:
    from otel_bridge.stores.headers import RESERVED

    headers, complaints = parse_headers(text or "")
    reserved = RESERVED & set(headers)
    if reserved:
        complaints.append(f"{min(reserved)} is set in any case")
    if complaints:
        raise ConfigError(origin, f"{complaints[0]}; write name=value,name=value")
    return headers


def _seconds(text: str, origin: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= MAX_TIMEOUT:
        raise ConfigError(origin, f"it is no number of seconds up to {MAX_TIMEOUT:g}")
    return seconds
