"""otel_bridge.cli.defaults: where serve stores."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_bridge.cli import defaults


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"XDG_STATE_HOME": "/srv/state"}, Path("/srv/state/otel_bridge/traces.sqlite")),
        ({"XDG_STATE_HOME": "relative"}, Path.home() / ".local/state/otel_bridge/traces.sqlite"),
        ({"XDG_STATE_HOME": ""}, Path.home() / ".local/state/otel_bridge/traces.sqlite"),
        ({}, Path.home() / ".local/state/otel_bridge/traces.sqlite"),
    ],
)
def test_the_database_is_in_the_state_directory(environ: dict[str, str], path: Path) -> None:
    assert defaults.database(environ) == path
