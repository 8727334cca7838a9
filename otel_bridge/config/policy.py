"""What was configured about requests without a signature."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from otel_bridge.config.sources import Sources, show
from otel_bridge.policy import Policy, Rule, parse_network, parse_rule

_T = TypeVar("_T")


def service_names(resource: Mapping[str, Any]) -> frozenset[str]:
    """By which names a rule may mean the service with these resource attributes."""
    return frozenset(
        str(resource[name]) for name in ("service.name", "service.namespace") if resource.get(name)
    )


def read_policy(sources: Sources, names: Collection[str]) -> Policy:
    """The policy. What cannot be understood is a problem and left out.

    Args:
        sources: options; the environment has nothing to say here.
        names: of the service, for the rules that are for one of them.
    """
    ratio = sources.option("sampling_ratio")
    if isinstance(ratio, str) and not ratio.strip():  # as if it were not set
        ratio = None
    if ratio is not None and not (isinstance(ratio, (int, float)) and 0 <= ratio <= 1):  # nor "nan"
        sources.report(
            "[otel_bridge] sampling_ratio", f"{show(str(ratio))} is no number from 0 to 1, so it is ignored"
        )
        ratio = None
    found = _entries(sources, "sampling_rules", parse_rule)
    rules: tuple[Rule, ...] = tuple(rule for service, rule in found if service is None or service in names)
    return Policy(ratio, rules, tuple(_entries(sources, "trust_traceparent", parse_network)))


def _entries(sources: Sources, option: str, parse: Callable[[str], _T]) -> list[_T]:
    found = []
    for text in sources.option(option) or ():
        if not text.strip():
            continue
        try:
            found.append(parse(text))
        except ValueError as error:
            sources.report(f"[otel_bridge] {option}", f"{show(text)}: {error}; it is ignored")
    return found
