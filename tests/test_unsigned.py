"""unsigned.py: requests that nobody signed, in a service with a policy about them."""

import uuid

import pytest

from otel_bridge import gate
from otel_bridge.policy import Policy, Rule, parse_network
from otel_bridge.unsigned import admit
from otel_bridge.wire import ids
from otel_bridge.wire.signing import NO_KEY, KeyRing

TRACE_ID, SPAN_ID = uuid.UUID("0af76519-16cd-43dd-8448-eb211c80319c").int, 0xAA
PROXY = Policy(proxies=(parse_network("192.0.2.0/24"),))


def request(method="GET", path="/v2.1/servers", script="", **extra):
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SCRIPT_NAME": script,
        "REMOTE_ADDR": "192.0.2.7",
        **extra,
    }


def traceparent(flags="01"):
    return {"HTTP_TRACEPARENT": f"00-{TRACE_ID:032x}-{SPAN_ID:016x}-{flags}"}


@pytest.fixture(autouse=True)
def _keys():
    gate.enable(KeyRing.parse("first,second"))


def test_a_sampled_request_is_a_trace_of_its_own_and_the_first_key_signs():
    gate.decide(Policy(1.0))
    one, other = admit(request(), None), admit(request(**traceparent()), None)
    assert len({one.trace_id, other.trace_id, TRACE_ID}) == 3
    assert uuid.UUID(int=one.trace_id).version == 4
    assert (one.parent_span_id, one.key.reveal(), one.base_id) == (0, "first", None)


def test_without_a_key_nothing_signs():
    gate.enable(KeyRing())
    gate.decide(Policy(1.0))
    assert admit(request(), None).key is NO_KEY


def test_keys_of_the_middleware_count_where_the_process_has_none():
    gate.enable(KeyRing())
    gate.decide(Policy(1.0))
    assert admit(request(), KeyRing.parse("own")).key.reveal() == "own"


def test_a_service_that_is_switched_off_traces_nothing():
    gate.decide(Policy(1.0))
    gate.disable()
    assert admit(request(), KeyRing.parse("own")) is None


def test_no_policy_no_trace():
    assert admit(request(), None) is None


def test_a_ratio_is_a_part():
    gate.decide(Policy(0.5))
    assert 350 < sum(admit(request(), None) is not None for _ in range(1000)) < 650


@pytest.mark.parametrize(
    ("environ", "traced"),
    [
        (request("POST"), True),
        (request("GET"), False),
        (request("POST", "/servers", "/v2.1"), True),
        (request("POST", "", ""), False),
        ({}, False),
    ],
)
def test_rules_see_the_method_and_the_whole_path(environ, traced):
    gate.decide(Policy(0.0, (Rule("/v2.1/", 1.0, "POST", True),)))
    assert (admit(environ, None) is not None) is traced


def test_a_trusted_proxys_trace_is_joined():
    gate.decide(PROXY)
    found = admit(request(**traceparent()), None)
    assert (found.trace_id, found.parent_span_id, found.key.reveal()) == (TRACE_ID, SPAN_ID, "first")


def test_a_proxy_may_call_its_first_span_as_it_calls_the_trace():
    """Only beside our signature does that id say that there is no span."""
    gate.decide(PROXY)
    span_id = ids.stand_in(TRACE_ID)
    found = admit(request(HTTP_TRACEPARENT=f"00-{TRACE_ID:032x}-{span_id:016x}-01"), None)
    assert found.parent_span_id == span_id


@pytest.mark.parametrize(
    "extra",
    [
        {},
        traceparent("00"),
        {"HTTP_TRACEPARENT": "nonsense"},
        {**traceparent(), "REMOTE_ADDR": "198.51.100.1"},
        {**traceparent(), "HTTP_X_FORWARDED_FOR": "192.0.2.7"},
        {**traceparent(), "HTTP_FORWARDED": "for=192.0.2.7;proto=http"},
    ],
    ids=["none", "not sampled", "nonsense", "another address", "forwarded for", "forwarded"],
)
def test_any_other_traceparent_is_not_believed(extra):
    gate.decide(PROXY)
    assert admit(request(**extra), None) is None


def test_a_proxy_that_does_not_sample_has_decided():
    gate.decide(Policy(1.0, proxies=PROXY.proxies))
    assert admit(request(**traceparent("00")), None) is None
    assert admit(request(), None) is not None
