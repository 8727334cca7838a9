"""The example's worker on a real RabbitMQ, asked by another process."""

from __future__ import annotations

import subprocess
import sys

import pytest
from environments import ROOT, clean_environ

from otel_bridge.cli.processes import Process, wait_for
from otel_bridge.model.trace import KIND_NAMES
from otel_bridge.wire import ids

pytestmark = pytest.mark.e2e

_BOUND = 60.0  # seconds


def test_the_worker_is_part_of_the_trace_of_who_asks(tmp_path, rabbitmq, backend):
    environ = clean_environ(OS_OTEL_BRIDGE__ENDPOINT=backend.endpoint, OS_DEFAULT__TRANSPORT_URL=rabbitmq.url)
    here = ROOT / "examples" / "worker"
    options = ["--config-file", str(here / "worker.conf")]
    command = [sys.executable, str(here / "worker.py"), *options]
    with Process("worker", command, log=tmp_path / "log", env=environ) as worker:
        wait_for("it", lambda: "waiting" in worker.output(), timeout=_BOUND, processes=[worker])
        done = subprocess.run(
            [sys.executable, here / "ask.py", *options],
            env=environ,
            capture_output=True,
            text=True,
            timeout=_BOUND,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        wait_for("the cast", lambda: "told about one" in worker.output(), timeout=_BOUND)
        assert worker.stop() == 0
    *said, last = done.stdout.splitlines()
    assert said == ["one is built", "this one cannot be built"]
    [(trace_id, trace)] = backend.traces().items()
    assert trace_id == ids.trace_id(last.removeprefix("trace "))
    [root] = trace.roots
    below = {
        (span.name, KIND_NAMES[span.kind]): [
            (child.resource["service.name"], child.name, KIND_NAMES[child.kind])
            for child in trace.children(span)
        ]
        for span in trace.children(root)
    }
    assert below == {
        ("tell", "PRODUCER"): [("builder-worker", "Builder.tell", "CONSUMER")],
        ("build", "CLIENT"): [("builder-worker", "Builder.build", "SERVER")],
    }
    assert len(trace.spans) == 7
