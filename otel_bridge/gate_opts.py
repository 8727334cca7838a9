"""The options of ``[otel_bridge]`` about which requests are traced."""

from __future__ import annotations

from typing import Any

from oslo_config import cfg, types

from otel_bridge.option_text import flow


class _Ratio(types.Float):  # type: ignore[misc, unused-ignore]
    """A number from 0 to 1; what is none stays the text that it was, and :mod:`..config.policy` reports it.

    oslo.service reads all options after SIGHUP, to log them, and a mutable one that raises then ends the
    service.
    """

    def __call__(self, value: Any) -> Any:
        try:
            return super().__call__(value)
        except (TypeError, ValueError):
            return value


def _with_type(option: cfg.Opt, kind: types.ConfigType) -> cfg.Opt:
    option.type = kind
    return option


#: What may change while the service runs.
POLICY_OPTS: list[cfg.Opt] = [
    _with_type(
        cfg.FloatOpt(
            "sampling_ratio",
            min=0,
            max=1,
            mutable=True,
            sample_default=0.01,
            help=flow("""
Part of the requests without signed trace headers that is traced all the same: 0.01 is one in a hundred. None
by default; requests with a valid signature are traced in any case, and those whose signature is not valid
never. What a traced request causes in other services is traced there, too, if they share the first HMAC key
of this one; set it on the services that clients talk to, only.

Takes effect without a restart, within a second of the next request after the configuration file has
changed; in services on oslo.service that mutate their configuration, on SIGHUP as well, without a request. A
service that has neither this option nor sampling_rules nor trust_traceparent looks at signed requests only:
set it to 0 to be able to raise it at any time. Where [DEFAULT] config_source is set files are not looked at.
"""),
        ),
        _Ratio(min=0, max=1),
    ),
    cfg.ListOpt(
        "sampling_rules",
        default=[],
        mutable=True,
        sample_default="GET /healthcheck = 0,nova-api: POST /v2.1/servers = 0.5,/v2.1/* = 0.01",
        help=flow("""
sampling_ratio for some of the requests: entries such as "nova-api: POST /v2.1/servers = 0.5", separated by
commas. The first one that fits decides; where none does, sampling_ratio. Service (its name as traces show it,
or its project) and method may be left out, so that the entry holds for all of them; a path that ends with *
stands for all that begin like it. None by default.

Takes effect without a restart: see sampling_ratio.
"""),
    ),
    cfg.ListOpt(
        "trust_traceparent",
        default=[],
        mutable=True,
        sample_default="192.0.2.10,2001:db8::/64",
        help=flow("""
Addresses and networks of proxies (load balancers, API gateways) whose traceparent header is believed in
requests that are not signed: such a request is part of the proxy's trace if that is sampled, and not traced
if it is not. The proxy must replace the traceparent of its clients, or any of them can have requests traced.
What counts is the address that the connection comes from; one that a forwarding header has named is not
believed. None by default.

Takes effect without a restart: see sampling_ratio.
"""),
    ),
]

#: The options about which requests are traced.
GATE_OPTS: list[cfg.Opt] = [
    cfg.StrOpt(
        "hmac_algorithm",
        default="sha1",
        choices=[
            ("sha1", "understood by every service, those on osprofiler included"),
            ("sha256", "understood by services on otel_bridge only"),
        ],
        ignore_case=True,
        help=flow("""
Hash with which this service signs the trace headers of the requests it makes. Both are accepted on requests
it receives.
"""),
    ),
    cfg.StrOpt(
        "hmac_keys_file",
        sample_default="/etc/otel-bridge/hmac-keys",
        help=flow("""
File with further HMAC keys, one a line or separated by commas, which are as good as those in [profiler]
hmac_keys. Lines that begin with # are comments. It is read again when it has changed, so that keys are
rotated without a restart: put the new one into the files of all services, then take the old one out. Its
first key signs the requests that belong to a trace which begins in this service. A file that is empty or
cannot be read leaves the keys so far in force.
None by default.

When not set, and [profiler] hmac_keys is not set either: OTEL_BRIDGE_HMAC_KEYS_FILE.
"""),
    ),
    *POLICY_OPTS,
    cfg.IntOpt(
        "freshness_window",
        default=0,
        min=0,
        max=86400,
        help=flow("""
Seconds for which a signed request is good, and then only once; 0 does not look. Otherwise headers that
somebody has recorded cannot be used again: the request is served untraced when its X-Trace-Freshness header
is missing, older or newer than this, or has been seen by the process before. The clocks of services and
clients may differ by less than this: 60 is a good value with NTP. Every process remembers for itself, so
that a service with 8 of them may take the same headers 8 times, within the window.

The requests that this service makes itself then carry the header. All that call it have to send it: services
on plain osprofiler cannot, clients and services do with OTEL_BRIDGE_FRESHNESS=1 in their environment; set
that everywhere first. Messages are exempt, since queues may delay them.
"""),
    ),
]
