"""``python serve.py --config-file volume.conf``: the volume API in waitress."""

from __future__ import annotations

import sys
from pathlib import Path

import waitress
from oslo_config import cfg
from paste.deploy import loadapp

import otel_bridge

CONF = cfg.CONF
CONF.register_cli_opts(
    [
        cfg.PortOpt("port", default=8776, help="Port to listen at, on the loopback interface."),
        cfg.StrOpt("database", default="sqlite:///volume.sqlite", help="SQLAlchemy URL."),
    ]
)


def main() -> None:
    CONF(sys.argv[1:], project="volume", default_config_files=[], default_config_dirs=[])
    # Once the configuration is read. Libraries are instrumented when they are imported, before or after.
    otel_bridge.setup(CONF, project="volume", service="api")
    paste = Path(__file__).resolve().with_name("api-paste.ini")
    application = loadapp(f"config:{paste}", name="volume", global_conf={"database": CONF.database})
    waitress.serve(application, listen=f"127.0.0.1:{CONF.port}")


if __name__ == "__main__":
    main()
