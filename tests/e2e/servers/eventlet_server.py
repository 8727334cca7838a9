"""eventlet.wsgi in workers of oslo.service, as OpenStack's services run it. Not a test: a process runs it.

Arguments: the port, and the number of workers.
"""

import eventlet

eventlet.monkey_patch()

import sys  # noqa: E402

from oslo_config import cfg  # noqa: E402
from oslo_service import service, wsgi  # noqa: E402
from shop import application  # noqa: E402


def main(port: int, workers: int) -> None:
    conf = cfg.ConfigOpts()
    conf([], project="shop", default_config_files=[])
    launcher = service.ProcessLauncher(conf)
    launcher.launch_service(wsgi.Server(conf, "shop", application, "127.0.0.1", port), workers=workers)
    launcher.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
