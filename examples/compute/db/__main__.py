"""``python -m compute.db``: create the tables, as ``nova-manage db sync`` does."""

from compute import conf
from compute.db import api

if __name__ == "__main__":
    conf.load()
    api.sync()
