"""Imported by every Python that finds this directory in PYTHONPATH: the services, when they are recorded."""

import os

if os.environ.get("LAB_RECORD"):
    import lab_recorder

    lab_recorder.install()
