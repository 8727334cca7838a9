"""What the worker and those who ask it have in common: the configuration and the bus."""

from __future__ import annotations

import sys
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_log import log
from oslo_messaging import opts

CONF = cfg.CONF
TOPIC = "builder"


def load() -> Any:
    """Read the configuration; the transport that it names."""
    log.register_options(CONF)
    for group, options in opts.list_opts():
        CONF.register_opts(options, group=group)
    CONF(sys.argv[1:], project="builder", default_config_files=[], default_config_dirs=[])
    log.setup(CONF, "builder")
    return oslo_messaging.get_rpc_transport(CONF)
