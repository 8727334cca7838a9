"""config/policy.py: what was configured about requests without a signature."""

import pytest
from oslo_config import cfg

from otel_bridge import config, opts
from otel_bridge.config.policy import read_policy, service_names
from otel_bridge.config.sources import Sources
from otel_bridge.policy import Policy, Rule, parse_network


@pytest.fixture
def read(tmp_path):
    def read(text, names=()):
        path = tmp_path / "service.conf"
        path.write_text(f"[otel_bridge]\n{text}\n")
        conf = cfg.ConfigOpts()
        opts.register_opts(conf)
        conf([], project="test", default_config_files=[str(path)], default_config_dirs=[])
        sources = Sources({}, conf)
        return read_policy(sources, names), [str(problem) for problem in sources.problems]

    return read


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("", Policy()),
        ("sampling_ratio =", Policy()),
        ("sampling_ratio = 0", Policy(0.0)),
        ("sampling_ratio = 0.25", Policy(0.25)),
        (
            "sampling_rules = GET /a = 0,, /b* = 1",
            Policy(rules=(Rule("/a", 0, "GET"), Rule("/b", 1, None, True))),
        ),
        (
            "trust_traceparent = 192.0.2.1 , ::/0",
            Policy(proxies=(parse_network("192.0.2.1"), parse_network("::/0"))),
        ),
    ],
)
def test_what_is_set_is_the_policy(read, text, policy):
    assert read(text) == (policy, [])


def test_rules_of_other_services_are_left_out(read):
    rules = "nova: /a = 1, nova-api: /b = 1, glance-api: /c = 1, /d = 1"
    policy, problems = read(f"sampling_rules = {rules}", {"nova", "nova-api"})
    assert [rule.path for rule in policy.rules] == ["/a", "/b", "/d"]
    assert problems == []


def test_a_service_is_meant_by_its_name_in_traces_or_its_project():
    assert service_names({"service.name": "nova-api", "service.namespace": "nova"}) == {"nova-api", "nova"}
    assert service_names({"service.name": "mine"}) == {"mine"}


@pytest.mark.parametrize(
    ("text", "option", "says"),
    [
        ("sampling_ratio = 1.5", "sampling_ratio", "'1.5' is no number from 0 to 1"),
        ("sampling_ratio = nan", "sampling_ratio", "no number from 0 to 1"),
        ("sampling_ratio = often", "sampling_ratio", "often"),
        ("sampling_rules = /a = 1, /b = 50%, /c = 1", "sampling_rules", "'/b = 50%'"),
        ("trust_traceparent = 192.0.2.1, proxy", "trust_traceparent", "'proxy'"),
    ],
)
def test_what_is_of_no_use_is_a_problem_that_names_it_and_the_rest_counts(read, text, option, says):
    policy, (problem,) = read(text)
    assert problem.startswith(f"[otel_bridge] {option}: ")
    assert says in problem
    assert policy.ratio is None
    assert [rule.path for rule in policy.rules] == (["/a", "/c"] if option == "sampling_rules" else [])
    assert len(policy.proxies) == (option == "trust_traceparent")


def test_a_policy_is_no_reason_not_to_trace_what_is_signed(tmp_path):
    path = tmp_path / "service.conf"
    path.write_text("[profiler]\nenabled = true\nhmac_keys = key\n[otel_bridge]\nsampling_rules = nonsense\n")
    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    conf([], project="test", default_config_files=[str(path)], default_config_dirs=[])
    found = config.from_conf(conf, {})
    assert found.gate.enabled
    assert [problem.fatal for problem in found.problems] == [False]
