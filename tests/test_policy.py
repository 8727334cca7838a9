"""policy.py: which requests are traced that nobody signed."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.policy import Policy, Rule, keeps, parse_network, parse_rule


@pytest.mark.parametrize(
    ("text", "service", "rule"),
    [
        ("/ = 1", None, Rule("/", 1.0)),
        ("/v2.1/* = 0.01", None, Rule("/v2.1/", 0.01, prefix=True)),
        ("/* = .5", None, Rule("/", 0.5, prefix=True)),
        ("GET /healthcheck=0", None, Rule("/healthcheck", 0.0, "GET")),
        ("post /v3/auth/tokens = 1.0", None, Rule("/v3/auth/tokens", 1.0, "POST")),
        ("nova-api: /servers = 0", "nova-api", Rule("/servers", 0.0)),
        (" nova :  DELETE /a=b = 0.25 ", "nova", Rule("/a=b", 0.25, "DELETE")),
        ("/a:b = 1", None, Rule("/a:b", 1.0)),
    ],
)
def test_a_rule_is_read(text, service, rule):
    assert parse_rule(text) == (service, rule)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/x",
        "/x =",
        "= 1",
        "x = 1",
        "/x = 2",
        "/x = -1",
        "/x = nan",
        "/x = 1e0",
        "/x = 1_0",
        "/x = 1.0.0",
        "/*/x = 1",
        "/x* y = 1",
        "GET  = 1",
        "a b /x = 1",
        "/x = 50%",
        "/\u0661 = \u0661",
    ],
)
def test_what_is_no_rule_is_refused(text):
    with pytest.raises(ValueError, match="expected"):
        parse_rule(text)


@given(st.text(max_size=60))
def test_any_text_is_a_rule_or_refused(text):
    try:
        _service, rule = parse_rule(text)
    except ValueError:
        return
    assert 0 <= rule.ratio <= 1
    assert rule.path.startswith("/")


@pytest.mark.parametrize(
    ("rule", "method", "path", "fits"),
    [
        (Rule("/a", 1), "GET", "/a", True),
        (Rule("/a", 1), "GET", "/a/", False),
        (Rule("/a", 1, prefix=True), "GET", "/ab", True),
        (Rule("/a", 1, prefix=True), "GET", "/b", False),
        (Rule("/a", 1, "GET"), "GET", "/a", True),
        (Rule("/a", 1, "GET"), "POST", "/a", False),
    ],
)
def test_a_rule_fits_method_and_path(rule, method, path, fits):
    assert rule.fits(method, path) is fits


def test_the_first_rule_that_fits_decides_and_the_ratio_where_none_does():
    policy = Policy(0.5, (Rule("/a", 0.0), Rule("/", 1.0, "GET", True)))
    assert policy.ratio_of("GET", "/a") == 0.0
    assert policy.ratio_of("GET", "/b") == 1.0
    assert policy.ratio_of("POST", "/b") == 0.5
    assert Policy(rules=(Rule("/a", 1),)).ratio_of("GET", "/b") == 0.0


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.5, 0.75, 1.0])
def test_a_ratio_holds_for_uuids(ratio):
    """Of UUIDs of version 4, whose low 64 bits always begin with 10."""
    kept = sum(keeps(uuid.uuid4().int, ratio) for _ in range(4000)) / 4000
    assert abs(kept - ratio) < 0.05
    if ratio in (0, 1):
        assert kept == ratio


@given(st.integers(0, (1 << 128) - 1), st.floats(0, 1), st.floats(0, 1))
def test_what_a_ratio_keeps_a_larger_one_keeps_too(trace_id, one, other):
    if keeps(trace_id, min(one, other)):
        assert keeps(trace_id, max(one, other))


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (Policy(), False),
        (Policy(0.0), True),
        (Policy(0.5), True),
        (Policy(rules=(Rule("/", 0),)), True),
        (Policy(proxies=(parse_network("::1"),)), True),
    ],
)
def test_a_policy_is_true_if_anything_was_said(policy, says):
    """Even a ratio of 0: it may be raised at run time."""
    assert bool(policy) is says


@pytest.mark.parametrize(
    ("address", "forwarded", "believed"),
    [
        ("192.0.2.7", "", True),
        ("192.0.3.7", "", False),
        ("2001:db8::1", "", True),
        ("2001:db8::2", "", False),
        ("::ffff:192.0.2.7", "", True),
        ("", "", False),
        ("unix:", "", False),
        ("192.0.2.7:80", "", False),
        ("192.0.2.7", "203.0.113.9, 198.51.100.1", True),
        ("192.0.2.7", "203.0.113.9, 192.0.2.7", False),
        ("192.0.2.7", ",for=192.0.2.7;proto=http", False),
        ("2001:db8::1", ',for="[2001:db8::1]"', False),
        ("2001:db8::1", ',For="[2001:DB8:0::1]:4711"', False),
        ("2001:db8::1", ",for=_hidden;by=unknown", True),
        ("192.0.2.7", "192.0.2.7:4711", False),
        ("::ffff:192.0.2.7", "192.0.2.7", False),
        ("192.0.2.7", "203.0.113.9," * 10_000, False),
        ("192.0.2.1", "192.0.2.17", True),
    ],
)
def test_whose_traceparent_is_believed(address, forwarded, believed):
    """Proxies that were listed; never an address that a forwarding header may have put there."""
    policy = Policy(proxies=(parse_network("192.0.2.0/24"), parse_network(" 2001:db8::1 ")))
    assert policy.believes(address, forwarded) is believed
    assert not Policy(0.5).believes(address, forwarded)


@pytest.mark.parametrize("text", ["", "proxy", "192.0.2.0/33", "192.0.2.1/24", "1", "*"])
def test_what_is_no_network_is_refused(text):
    with pytest.raises(ValueError, match="expected an IP address"):
        parse_network(text)
