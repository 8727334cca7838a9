"""``python -m e2e.openstack up|down|boot NAME``: the lab by hand."""

from __future__ import annotations

import argparse
import sys
import time

from otel_bridge.cli.processes import ProcessError
from otel_bridge.wire import ids

from .cloud import Cloud
from .daemons import LabError
from .lab import Lab
from .places import KEYSTONE_URL
from .settings import from_environ


def main() -> None:
    parser = argparse.ArgumentParser(prog="e2e.openstack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "up", help="start the lab, or restart its services with the settings of the environment"
    )
    down = commands.add_parser("down", help="stop it")
    down.add_argument("--purge", action="store_true", help="remove its data, too")
    boot = commands.add_parser("boot", help="boot a server with a profile, and wait for it")
    boot.add_argument("name")
    boot.add_argument("--plain", action="store_true", help="without a profile")
    args = parser.parse_args()
    try:
        if args.command == "up":
            _up()
        elif args.command == "down":
            Lab().down(purge=args.purge)
        else:
            _boot(args.name, profiled=not args.plain)
    except (LabError, ProcessError) as error:
        sys.exit(str(error))


def _up() -> None:
    begin = time.monotonic()
    lab = Lab()
    if not (lab.places.data / ".resources").exists():
        print("the first time takes two or three minutes", flush=True)
    settings = from_environ()
    lab.up(settings)
    print(f"OpenStack is up after {time.monotonic() - begin:.0f} s: {KEYSTONE_URL}, logs in {lab.places.log}")
    print(f"connection_string = {settings.connection_string}")


def _boot(name: str, *, profiled: bool) -> None:
    cloud = Cloud(from_environ().hmac_key)
    try:
        cloud.prepare()
    except OSError as error:
        raise LabError(f"the lab is not up ({error}): make lab-up") from error
    server = cloud.boot(name, trace_id=None if profiled else 0)
    if profiled:
        print(
            f"trace id: {ids.base_id(server.trace_id)} ({ids.format_trace_id(server.trace_id)})", flush=True
        )
    cloud.wait_for(server)
    print(f"{name} is ACTIVE")


if __name__ == "__main__":
    main()
