"""Application servers with small services in them, and what the tests need to drive them."""

from e2e.servers.commands import eventlet, gunicorn, mod_wsgi, uwsgi, waitress
from e2e.servers.installing import Installed, python_of_mod_wsgi
from e2e.servers.running import KEY, Backend, Running, check_pairs

__all__ = [
    "KEY",
    "Backend",
    "Installed",
    "Running",
    "check_pairs",
    "eventlet",
    "gunicorn",
    "mod_wsgi",
    "python_of_mod_wsgi",
    "uwsgi",
    "waitress",
]
