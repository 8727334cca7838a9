"""A service's configuration files, read by a command and not by the service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from otel_bridge.config.files import read_text
from otel_bridge.settings import ConfigError

if TYPE_CHECKING:
    from oslo_config.cfg import ConfigOpts


def read_files(conf: ConfigOpts, config_files: Sequence[str]) -> None:
    """Have ``conf`` read these files, and no others.

    Raises:
        ConfigError: a file cannot be read or understood; the message names it, and quotes nothing of it.
    """
    from oslo_config import cfg

    for path in config_files:
        try:
            read_text(path, 0)
        except ValueError as error:
            raise ConfigError("--config-file", f"{error}; name a configuration file") from None
    try:
        conf([], project="otel-bridge", default_config_files=list(config_files), default_config_dirs=[])
    except cfg.ConfigFileParseError as error:
        # oslo.config's own message quotes the line, which may hold a secret
        cause = error.__context__
        where = f"line {cause.lineno}: {cause.msg}" if isinstance(cause, cfg.ParseError) else "syntax error"
        raise ConfigError(error.config_file, f"{where}; correct it") from None
    except UnicodeError:
        raise ConfigError(", ".join(config_files), "this is not UTF-8 text; correct it") from None
    except (cfg.Error, OSError) as error:
        raise ConfigError(", ".join(config_files), f"cannot be read ({type(error).__name__})") from None
