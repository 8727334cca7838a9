"""Where units of work begin and end: messages, and work that is handed to pools."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any

from lab_recorder.imports import Callback
from lab_recorder.truth import Handed, Unit
from lab_recorder.writing import write


def _rpc(module: ModuleType) -> None:
    process = module.RPCServer._process_incoming

    @functools.wraps(process)
    def recorded(self: Any, incoming: Any) -> Any:
        context, message = incoming[0].ctxt, incoming[0].message
        info = context.get("trace_info") or {}
        unit = Unit(
            "rpc",
            base_id=info.get("base_id"),
            parent_id=info.get("parent_id"),
            request_id=context.get("request_id"),
            method=message.get("method"),
        )
        _token(context)
        try:
            return process(self, incoming)
        finally:
            unit.end()

    module.RPCServer._process_incoming = recorded


def _token(context: dict[str, Any]) -> None:
    """Messages carry the token of who asked."""
    if context.get("auth_token"):
        write("token", token=context["auth_token"])


def _work_items(name: str) -> Callback:
    """The class ``name``: made where work is handed to an executor, ``run`` where it is done."""

    def record(module: ModuleType) -> None:
        item = getattr(module, name)
        make, run = item.__init__, item.run

        @functools.wraps(make)
        def recorded_make(self: Any, *args: Any, **kwargs: Any) -> None:
            make(self, *args, **kwargs)
            self.lab_handed = Handed()

        @functools.wraps(run)
        def recorded_run(self: Any, *args: Any, **kwargs: Any) -> Any:
            with self.lab_handed:
                return run(self, *args, **kwargs)

        item.__init__, item.run = recorded_make, recorded_run

    return record


HOOKS: dict[str, Callable[[ModuleType], None]] = {
    "oslo_messaging.rpc.server": _rpc,
    "futurist._utils": _work_items("WorkItem"),
    "concurrent.futures.thread": _work_items("_WorkItem"),
}
