"""``nova_compute.py UUID ...``: nova-compute on the fake driver, whose node keeps its UUID over restarts.

The fake driver takes a random one in each process, and would then meet a stranger's node of the same name.
"""

import socket
import sys

from nova.cmd import compute  # first: it decides between eventlet and native threads
from oslo_utils.fixture import uuidsentinel

if __name__ == "__main__":
    uuidsentinel._sentinels[f"node_{socket.gethostname()}"] = sys.argv.pop(1)
    sys.argv[0] = "nova-compute"
    sys.exit(compute.main())
