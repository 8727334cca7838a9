"""The options of the service: one configuration file for all of its processes, as ``nova.conf`` is."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from oslo_config import cfg
from oslo_messaging import opts as messaging_opts

CONF = cfg.CONF

PASTE_CONFIG = Path(__file__).with_name("api-paste.ini")

_LISTEN = [
    cfg.HostAddressOpt("listen", default="127.0.0.1", help="Address to listen on."),
    cfg.IntOpt("workers", default=1, min=1, help="Processes that serve requests."),
    cfg.IntOpt("threads", default=8, min=1, help="Requests that one process serves at the same time."),
]
_OPTIONS = {
    "database": [
        cfg.StrOpt("connection", default="sqlite:///compute.sqlite", secret=True, help="SQLAlchemy URL."),
    ],
    "api": [
        *_LISTEN,
        cfg.PortOpt("port", default=8774, help="Port of the compute API."),
        cfg.ListOpt(
            "local_hosts",
            default=["node-1", "node-2"],
            help="Compute nodes that the API runs as threads of its own when transport_url is fake://.",
        ),
    ],
    "image_api": [*_LISTEN, cfg.PortOpt("port", default=9292, help="Port of the image service.")],
    "image": [
        cfg.URIOpt(
            "endpoint", default="http://127.0.0.1:9292", help="Where compute finds the image service."
        ),
    ],
}
_COMMAND_LINE = [
    cfg.StrOpt("host", default="node-1", help="Name of this node: as an RPC server and to the scheduler."),
    cfg.StrOpt("transport-url", dest="command_line_transport_url", help="Instead of transport_url."),
    cfg.StrOpt("database-url", dest="command_line_database_url", help="Instead of [database] connection."),
]


def load(arguments: Sequence[str] | None = None) -> None:
    """Read the command line (``sys.argv`` where none is given), the files it names and the environment.

    Any option can be given in the environment, the way oslo.config has it: ``OS_DEFAULT__TRANSPORT_URL``,
    ``OS_API__PORT``.
    """
    CONF.register_cli_opts(_COMMAND_LINE)
    for group, options in (*messaging_opts.list_opts(), *_OPTIONS.items()):
        CONF.register_opts(options, group=group)
    # oslo.messaging's default needs a broker; this example's does not.
    CONF.set_default("transport_url", "fake://")
    CONF(arguments, project="compute", default_config_files=[], default_config_dirs=[])
    if CONF.command_line_transport_url:
        CONF.set_override("transport_url", CONF.command_line_transport_url)
    if CONF.command_line_database_url:
        CONF.set_override("connection", CONF.command_line_database_url, group="database")
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(process)d %(levelname)s %(name)s %(message)s"
    )
