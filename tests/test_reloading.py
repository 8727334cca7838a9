"""reloading.py: the file of keys and the policy change while a service runs."""

import logging
import os
import time

import pytest
from oslo_config import cfg

from otel_bridge import gate, opts
from otel_bridge.config.gate import parse_keys_file
from otel_bridge.policy import Policy
from otel_bridge.reloading import KeysReloader, PolicyReloader
from otel_bridge.settings import KeysFile
from otel_bridge.wire import signing
from otel_bridge.wire.signing import Key, KeyRing

BASE = "0af76519-16cd-43dd-8448-eb211c80319c"


def accepts(text):
    return gate.keys().verify(*signing.pack(BASE, BASE, Key(text))) is not None


def rewrite(path, text, age=60):
    """As an operator does, with a modification time that has settled."""
    before = os.stat(path).st_mtime_ns if path.exists() else 0
    path.write_text(text)
    then = os.stat(path).st_mtime_ns - age * 10**9
    os.utime(path, ns=(then + (then == before), then + (then == before)))


@pytest.fixture
def keys_file(tmp_path):
    path = tmp_path / "keys"
    rewrite(path, "old\n")
    return path


@pytest.fixture
def keys_reloader(keys_file):
    gate.enable(KeyRing.parse("fixed"))
    file = KeysFile(str(keys_file), "[otel_bridge] hmac_keys_file", "sha256", parse_keys_file(str(keys_file)))
    gate.use_file(file.keys)
    return KeysReloader(file)


def test_rotation(keys_reloader, keys_file):
    """The old key is good until it is removed, and the options' keys always; the file's first one signs."""
    keys_reloader.look()
    assert [accepts(text) for text in ("old", "new", "fixed")] == [True, False, True]
    rewrite(keys_file, "new\nold\n")
    keys_reloader.look()
    assert [accepts(text) for text in ("old", "new", "fixed")] == [True, True, True]
    assert gate.first_key().reveal() == "new"
    assert gate.first_key().algorithm == "sha256"
    rewrite(keys_file, "new\n")
    keys_reloader.look()
    assert [accepts(text) for text in ("old", "new", "fixed")] == [False, True, True]


def test_a_key_of_file_and_options_stays_when_the_file_loses_it(keys_reloader, keys_file):
    gate.enable(KeyRing.parse("old"))
    rewrite(keys_file, "new\n")
    keys_reloader.look()
    assert accepts("old")


def missing(path):
    path.unlink()


def directory(path):
    path.unlink()
    path.mkdir()


def pipe(path):
    path.unlink()
    os.mkfifo(path)


def empty(path):
    rewrite(path, " \n,\n")


def huge(path):
    rewrite(path, "s3cr3t," * 20_000)


@pytest.mark.parametrize("spoil", [missing, directory, pipe, empty, huge])
def test_a_broken_file_keeps_the_keys_and_is_told_once(keys_reloader, keys_file, spoil, caplog):
    keys_reloader.look()
    spoil(keys_file)
    for _ in range(3):
        keys_reloader.look()
    assert accepts("old")
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert "hmac_keys_file" in line
    assert "s3cr3t" not in line


def test_a_file_that_is_whole_again_counts(keys_reloader, keys_file):
    keys_file.unlink()
    keys_reloader.look()
    rewrite(keys_file, "new\n")
    keys_reloader.look()
    assert accepts("new")
    assert not accepts("old")


def test_a_file_that_could_not_be_read_is_tried_again(keys_reloader, keys_file, monkeypatch, caplog):
    """A file server that failed changes nothing about the file."""
    keys_reloader.look()

    def failing(path, algorithm):
        raise ValueError(f"{path} cannot be read (Input/output error)")

    rewrite(keys_file, "new\n")
    with monkeypatch.context() as patch:
        patch.setattr("otel_bridge.reloading.parse_keys_file", failing)
        keys_reloader.look()
        keys_reloader.look()
    assert accepts("old")
    assert caplog.text.count("Input/output error") == 1
    keys_reloader.look()
    assert accepts("new")


def test_another_mode_is_a_change(keys_reloader, keys_file, monkeypatch):
    """Who repairs the mode of a file does not write it."""
    keys_reloader.look()
    found = []
    monkeypatch.setattr(
        "otel_bridge.reloading.parse_keys_file", lambda *args: found.append(args) or KeyRing()
    )
    before, until = os.stat(keys_file).st_ctime_ns, time.monotonic() + 5
    while os.stat(keys_file).st_ctime_ns == before and time.monotonic() < until:  # a clock that ticks slowly
        keys_file.chmod(0o640)
    keys_reloader.look()
    assert len(found) == 1


def test_a_file_is_not_read_again_without_need(keys_reloader, keys_file, monkeypatch):
    keys_reloader.look()
    monkeypatch.setattr("otel_bridge.reloading.parse_keys_file", lambda *args: pytest.fail("read"))
    keys_reloader.look()


def test_a_file_that_has_just_been_written_is_read_until_it_has_settled(keys_reloader, keys_file):
    """Two writes within one tick of the file system's clock, of the same length, look the same."""
    rewrite(keys_file, "aaa\n", age=0)
    keys_reloader.look()
    before = os.stat(keys_file)
    keys_file.write_text("bbb\n")
    os.utime(keys_file, ns=(before.st_atime_ns, before.st_mtime_ns))
    keys_reloader.look()
    assert accepts("bbb")


def test_what_is_said_about_keys_has_no_key_in_it(keys_reloader, keys_file, caplog):
    caplog.set_level(logging.DEBUG)
    keys_reloader.look()
    rewrite(keys_file, "top-secret\n")
    keys_reloader.look()
    assert "1 of them" in caplog.text
    assert "top-secret" not in caplog.text


# -- the policy -----------------------------------------------------------------------------------------


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "service.conf"
    rewrite(path, "[otel_bridge]\nsampling_ratio = 0\n[keystone_authtoken]\npassword = s3cr3t\n")
    return path


@pytest.fixture
def conf(config_file, tmp_path):
    (tmp_path / "conf.d").mkdir()
    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    args = ["--config-file", str(config_file), "--config-dir", str(tmp_path / "conf.d")]
    conf(args, project="test", default_config_files=[], default_config_dirs=[])
    return conf


@pytest.fixture
def policy_reloader(conf):
    gate.decide(Policy(0.0))
    return PolicyReloader(conf, {"nova"})


def test_a_changed_file_changes_the_policy(policy_reloader, config_file):
    policy_reloader.look()
    assert gate.unsigned == [Policy(0.0)]
    rewrite(
        config_file, "[otel_bridge]\nsampling_ratio = 0.5\nsampling_rules = nova: / = 1, glance: /v2 = 1\n"
    )
    policy_reloader.look()
    (policy,) = gate.unsigned
    assert (policy.ratio, [rule.path for rule in policy.rules]) == (0.5, ["/"])
    rewrite(config_file, "[otel_bridge]\n")
    policy_reloader.look()
    assert gate.unsigned == []


def test_a_new_file_in_the_directory_counts(policy_reloader, tmp_path):
    rewrite(tmp_path / "conf.d" / "10.conf", "[otel_bridge]\nsampling_ratio = 0.125\n")
    policy_reloader.look()
    assert gate.unsigned == [Policy(0.125)]


@pytest.mark.parametrize(
    "text",
    [
        "[otel_bridge]\nsampling_ratio = 2",
        "[otel_bridge]\nsampling_ratio = $nothing",
        "[otel_bridge]\nsampling_rules = /x",
        "[otel_bridge]\ntrust_traceparent = s",
        "[otel_bridge]\nbroken\n = s3cr3t",
        "[DEFAULT]\nshell_completion = s3cr3t",
        missing,
        pipe,
    ],
)
def test_a_mistake_changes_nothing_and_is_told_once(policy_reloader, config_file, text, caplog):
    """Not even what has oslo.config end the program, or would be waited for."""
    gate.decide(Policy(0.75))
    if callable(text):
        text(config_file)
    else:
        rewrite(config_file, text)
    for _ in range(3):
        policy_reloader.look()
    assert gate.unsigned == [Policy(0.75)]
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert "stays as it was" in line
    assert "s3cr3t" not in line


@pytest.mark.parametrize("what", ["read_text", "_read"])
def test_files_that_could_not_be_read_are_tried_again(policy_reloader, config_file, what, monkeypatch):
    def failing(*args):
        raise ValueError("cannot be read") if what == "read_text" else OSError

    rewrite(config_file, "[otel_bridge]\nsampling_ratio = 0.5\n")
    with monkeypatch.context() as patch:
        patch.setattr(f"otel_bridge.reloading.{what}", failing)
        policy_reloader.look()
    assert gate.unsigned == [Policy(0.0)]
    policy_reloader.look()
    assert gate.unsigned == [Policy(0.5)]


def test_a_broken_file_is_not_parsed_again_and_again(policy_reloader, config_file, monkeypatch):
    rewrite(config_file, "[otel_bridge]\nbroken\n = s3cr3t")
    policy_reloader.look()
    monkeypatch.setattr("otel_bridge.reloading._read", lambda *args: pytest.fail("read"))
    policy_reloader.look()


SOURCE = "[DEFAULT]\nconfig_source = remote\n[remote]\ndriver = remote_file\nuri = {}/service.conf\n"


def test_nothing_but_files_is_asked_for_a_changed_policy(policy_reloader, config_file, here):
    """A request waits for it: a source may be at the other end of a network."""
    rewrite(config_file, SOURCE.format(here.url) + "[otel_bridge]\nsampling_ratio = 0.5\n")
    policy_reloader.look()
    assert gate.unsigned == [Policy(0.5)]
    assert here.seen == []


def test_with_other_sources_files_do_not_decide(config_file, here):
    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    rewrite(config_file, SOURCE.format(f"{here.url}/status/404?"))
    conf([], project="test", default_config_files=[str(config_file)], default_config_dirs=[])
    assert not PolicyReloader(conf, ()).files_decide


@pytest.mark.parametrize(
    "option", ["sampling_ratio = $no", "sampling_rules = /a$no=1", "trust_traceparent = $no"]
)
def test_a_value_that_cannot_be_rendered_is_no_hindrance(config_file, option):
    """The operator may put it right in the file."""
    rewrite(config_file, f"[otel_bridge]\n{option}\n")
    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    conf([], project="test", default_config_files=[str(config_file)], default_config_dirs=[])
    reloader = PolicyReloader(conf, ())
    assert reloader.files_decide
    rewrite(config_file, "[otel_bridge]\nsampling_ratio = 0.5\n")
    reloader.look()
    assert gate.unsigned == [Policy(0.5)]


def test_nothing_of_the_service_is_touched(policy_reloader, conf, config_file):
    rewrite(
        config_file, "[profiler]\nenabled = true\n[otel_bridge]\nsampling_ratio = 0.5\nstore = sqlite:/x\n"
    )
    policy_reloader.look()
    assert (conf.otel_bridge.sampling_ratio, conf.otel_bridge.store, conf.profiler.enabled) == (
        0,
        None,
        False,
    )


def test_what_a_program_has_set_is_stronger_than_files(conf):
    assert PolicyReloader(conf, ()).files_decide
    conf.set_override("sampling_ratio", 0.5, "otel_bridge")
    assert not PolicyReloader(conf, ()).files_decide


def test_without_files_there_is_nothing_to_look_after():
    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    assert not PolicyReloader(conf, ()).files_decide


def test_the_mutate_hook_goes_by_the_values_that_oslo_config_has_then(policy_reloader, conf, config_file):
    conf.register_mutate_hook(policy_reloader.mutated)
    rewrite(config_file, "[otel_bridge]\nsampling_ratio = 0.25\nsampling_rules = /a = 1\n")
    conf.mutate_config_files()
    (policy,) = gate.unsigned
    assert (policy.ratio, len(policy.rules)) == (0.25, 1)


def test_a_mutate_hook_of_another_time_or_service_does_nothing(policy_reloader, conf):
    other = cfg.ConfigOpts()
    opts.register_opts(other)
    other.set_override("sampling_ratio", 1, "otel_bridge")
    policy_reloader.mutated(other, {})
    assert gate.unsigned == [Policy(0.0)]
    policy_reloader.stop()
    gate.decide(Policy(0.75))
    policy_reloader.mutated(conf, {})
    assert gate.unsigned == [Policy(0.75)]
