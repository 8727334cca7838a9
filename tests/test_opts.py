"""The options: registration in any order, and what operators are told about them."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from oslo_config import cfg

from otel_bridge import config, opts, profiler_opts

# WebOb, which osprofiler imports
pytestmark = pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning")


@pytest.fixture
def conf() -> Iterator[cfg.ConfigOpts]:
    conf = cfg.ConfigOpts()
    yield conf
    for name in conf.profiler:  # osprofiler's group shares its defaults with every other ConfigOpts
        conf.clear_default(name, group="profiler")


def test_every_configopts_has_values_of_its_own(conf):
    """An override on one, as services make in their tests, does not reach the next."""
    opts.register_opts(conf)
    conf.set_override("endpoint", "http://h", group="otel_bridge")
    conf.set_override("enabled", True, group="profiler")
    other = cfg.ConfigOpts()
    opts.register_opts(other)
    assert other.otel_bridge.endpoint is None
    assert other.profiler.enabled is False


def hide_osprofiler(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "osprofiler"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "osprofiler", None)


def test_registering_twice_changes_nothing(conf):
    """A second registration is not an error."""
    opts.register_opts(conf)
    opts.register_opts(conf)
    assert conf.profiler.enabled is False
    assert conf.otel_bridge.endpoint is None


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_either_may_register_first(conf, first):
    """Beside osprofiler, both orders of registration work on a private ConfigOpts."""
    from osprofiler import opts as theirs

    if first == "ours":
        opts.register_opts(conf)
        theirs.set_defaults(conf, enabled=True, hmac_keys="key")
    else:
        theirs.set_defaults(conf, enabled=True, hmac_keys="key")
        opts.register_opts(conf)
    assert conf.profiler.enabled is True
    assert conf.profiler.hmac_keys == "key"
    assert conf.profiler.es_doc_type == "notification"
    assert conf.otel_bridge.max_spans_per_trace == 10_000


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_stand_ins_agree_with_osprofiler(conf, first, monkeypatch):
    """Options registered while osprofiler could not be imported do not stop it from registering its own."""
    from osprofiler import opts as theirs

    if first == "theirs":
        theirs.set_defaults(conf)
    with monkeypatch.context() as patch:
        hide_osprofiler(patch)
        opts.register_opts(conf)
    if first == "ours":
        theirs.set_defaults(conf, hmac_keys="key")
        assert conf.profiler.hmac_keys == "key"
    assert conf.profiler.socket_timeout == 0.1


def test_stand_ins_are_equal_only_to_their_like():
    """An option of the same name but another type or default stays a conflict."""
    enabled = next(opt for opt in profiler_opts._PROFILER_OPTS if opt.name == "enabled")
    assert enabled == cfg.BoolOpt("enabled", default=False, help="another text")
    assert cfg.BoolOpt("enabled", default=False) == enabled
    assert enabled != cfg.BoolOpt("enabled", default=True)
    assert enabled != cfg.StrOpt("enabled")
    assert enabled != "enabled"


def test_without_osprofiler_the_profiler_group_is_ours(conf, monkeypatch):
    """The options that are ours to read exist where osprofiler is not installed."""
    hide_osprofiler(monkeypatch)
    opts.register_opts(conf)
    assert conf.profiler.hmac_keys == "SECRET_KEY"
    assert conf.profiler.trace_sqlalchemy is False
    assert conf.profiler.connection_string == "messaging://"
    assert "es_doc_type" not in conf.profiler
    assert [group.name for group, _ in opts.list_opts()] == ["profiler", "otel_bridge"]


def test_a_service_with_its_own_idea_of_an_option_keeps_it(conf):
    """An option that the service itself registered otherwise is left alone."""
    conf.register_opt(cfg.StrOpt("enabled", default="perhaps"), group="profiler")
    opts.register_opts(conf)
    assert conf.profiler.enabled == "perhaps"


@pytest.mark.parametrize("hidden", [False, True], ids=["osprofiler", "alone"])
def test_keys_are_secret_and_not_mutable(hidden, monkeypatch):
    """oslo.config hides the keys in its logs, which it does not do for a mutable option."""
    if hidden:
        hide_osprofiler(monkeypatch)
    _, options = profiler_opts.group_and_options()[:2]
    keys = next(opt for opt in options if opt.name == "hmac_keys")
    assert keys.secret
    assert not keys.mutable


def test_what_may_change_at_run_time_is_the_policy():
    """Nothing else is mutable: oslo.config logs old and new values of mutable options, secrets too."""
    assert [opt.name for opt in opts.OPTS if opt.mutable] == [
        "sampling_ratio",
        "sampling_rules",
        "trust_traceparent",
    ]


def test_headers_are_secret():
    """oslo.config does not log what authorises the export, or the reading."""
    assert [opt.name for opt in opts.OPTS if opt.secret] == ["headers", "store_headers"]


@pytest.mark.parametrize("opt", opts.OPTS, ids=lambda opt: opt.name)
def test_every_option_explains_itself(opt):
    """Each has a paragraph of help, and a default or a sample."""
    assert len(opt.help) > 40
    assert opt.help.endswith((".", ")"))
    assert opt.default is not None or opt.sample_default is not None


def test_samples_are_the_values_in_force():
    """Where an option has a default, the sample file shows that one."""
    settings = config.from_environ({})
    in_force = {
        "protocol": settings.export.protocol,
        "timeout": settings.export.timeout,
        "compression": settings.export.compression,
        "insecure": False,
        "max_queue_size": settings.queue.max_queue_size,
        "max_export_batch_size": settings.queue.max_export_batch_size,
        "schedule_delay": settings.queue.schedule_delay,
        "attribute_count_limit": settings.limits.attribute_count,
        "attribute_length_limit": settings.limits.attribute_length,
        "event_count_limit": settings.limits.event_count,
        "link_count_limit": settings.limits.link_count,
        "store_timeout": config.store_options({}).timeout,
    }
    shown = {opt.name: opt.sample_default for opt in opts.OPTS if opt.name in in_force}
    assert shown == in_force


def test_help_names_only_variables_that_are_read():
    """Each OTEL variable that a description promises is looked at."""

    class Asked(dict[str, str]):
        def get(self, name, default=None):
            self[name] = ""
            return default

    environ = Asked()
    config.from_environ(environ)
    config.store_options(environ)
    promised = {name for opt in opts.OPTS for name in re.findall(r"OTEL_[A-Z_]+[A-Z]", opt.help)}
    assert promised
    assert promised <= set(environ)


@pytest.mark.integration
def test_generator_prints_the_namespace():
    """oslo-config-generator finds the options by their entry point."""
    command = Path(sys.executable).with_name("oslo-config-generator")
    result = subprocess.run(
        [command, "--namespace", "otel_bridge"], capture_output=True, text=True, timeout=60, check=True
    )
    assert "[otel_bridge]" in result.stdout
    assert result.stdout.count("\n#") > len(opts.OPTS)
    for opt in opts.OPTS:
        assert f"#{opt.name} = " in result.stdout
    assert "#timeout = 10.0" in result.stdout
    assert "Warning" not in result.stdout


@pytest.mark.parametrize(
    "opt", [opt for opt in opts.OPTS if isinstance(opt, cfg.IntOpt | cfg.FloatOpt)], ids=lambda opt: opt.name
)
def test_every_number_has_a_range(opt):
    """So that a slip of the pen is refused, and the sample file says what is allowed."""
    assert opt.type.min is not None
    assert opt.type.max is not None


def test_no_name_is_given_twice():
    """The options come from several modules."""
    names = [opt.name for opt in opts.OPTS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("text", ["often", "2", ""])
def test_a_mistake_in_a_mutable_number_does_not_end_a_service_that_logs_it(conf, tmp_path, text):
    """oslo.service logs all options after SIGHUP; what raises then ends the process."""
    opts.register_opts(conf)
    path = tmp_path / "service.conf"
    path.write_text("")
    conf(["--config-file", str(path)], project="test", default_config_files=[], default_config_dirs=[])
    path.write_text(f"[otel_bridge]\nsampling_ratio = {text}\n")
    conf.mutate_config_files()
    conf.log_opt_values(logging.getLogger("test"), logging.DEBUG)


@pytest.mark.parametrize("hidden", [False, True], ids=["osprofiler", "alone"])
@pytest.mark.parametrize("shared", [False, True], ids=["private", "shared"])
def test_both_groups_can_be_read_wherever_they_are_registered(hidden, shared, monkeypatch):
    """On cfg.CONF and on a ConfigOpts of one's own, with osprofiler and without."""
    if hidden:
        hide_osprofiler(monkeypatch)
    conf = cfg.CONF if shared else cfg.ConfigOpts()
    monkeypatch.setattr(conf, "_groups", dict(conf._groups))  # other tests have cfg.CONF as it was
    opts.register_opts(conf)
    assert conf.profiler.enabled is False
    assert all(hasattr(conf.otel_bridge, opt.dest) for opt in opts.OPTS)
