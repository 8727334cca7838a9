"""Who may have requests traced: the switch, the keys, and where these come from."""

from __future__ import annotations

import os

import pytest
from oslo_config import cfg

from otel_bridge import config, opts
from otel_bridge.settings import Settings
from otel_bridge.wire.signing import Key

# WebOb, which osprofiler imports
pytestmark = pytest.mark.filterwarnings("ignore:'cgi' is deprecated:DeprecationWarning")


def read(environ: dict[str, str] | None = None, **profiler: object) -> Settings:
    """Settings of a service whose ``[profiler]`` options are set."""
    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    for name, value in profiler.items():
        conf.set_override(name, value, group="profiler")
    return config.from_conf(conf, environ or {})


def keys(settings: Settings) -> list[str]:
    return [key.reveal() for key in settings.gate.keys.keys]


@pytest.mark.parametrize(
    ("profiler", "environ", "expected"),
    [
        ({"hmac_keys": "a"}, {}, ["a"]),
        ({"hmac_keys": " a , ,b,a"}, {}, ["a", "b"]),
        ({"hmac_keys": "a"}, {"OTEL_BRIDGE_HMAC_KEYS": "b"}, ["a"]),
        ({}, {"OTEL_BRIDGE_HMAC_KEYS": "b,c"}, ["b", "c"]),
        ({"hmac_keys": ""}, {"OTEL_BRIDGE_HMAC_KEYS": "b"}, ["b"]),
        ({}, {"OTEL_BRIDGE_HMAC_KEYS": os.fsdecode(b"\xff")}, ["\udcff"]),
    ],
)
def test_keys(profiler, environ, expected):
    """[profiler] hmac_keys where it is set, else the environment; blanks and repetitions do not count."""
    found = read(environ, enabled=True, **profiler)
    assert keys(found) == expected
    assert found.gate.enabled
    assert found.problems == ()


@pytest.mark.parametrize("environ", [{}, {"OTEL_BRIDGE_HMAC_KEYS": "key"}])
def test_disabled_by_default(environ):
    """A service traces nothing until [profiler] enabled says so, and nobody has to hear about keys."""
    found = read(environ)
    assert not found.gate.enabled
    assert found.problems == ()


@pytest.mark.parametrize("value", ["true", "TRUE", " True "])
def test_sdk_disabled(value):
    """OTEL_SDK_DISABLED switches off, in a service not without a word."""
    environ = {"OTEL_SDK_DISABLED": value, "OTEL_BRIDGE_HMAC_KEYS": "key"}
    found = config.from_environ(environ)
    assert not found.gate.enabled
    assert found.problems == ()
    found = read(environ, enabled=True)
    assert not found.gate.enabled
    assert [problem.option for problem in found.problems] == ["OTEL_SDK_DISABLED"]
    assert not found.problems[0].fatal


@pytest.mark.parametrize(("value", "reported"), [("false", []), ("", []), ("yes", ["OTEL_SDK_DISABLED"])])
def test_only_true_is_true(value, reported):
    """Any other word leaves the SDK enabled; an unknown one is reported (specification: Boolean)."""
    found = config.from_environ({"OTEL_SDK_DISABLED": value, "OTEL_BRIDGE_HMAC_KEYS": "key"})
    assert found.gate.enabled
    assert [problem.option for problem in found.problems] == reported


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_no_key_while_enabled(text):
    """A fatal problem that names the option; the export stays as it was configured."""
    found = read(enabled=True, hmac_keys=text)
    assert not found.gate.enabled
    assert [problem.option for problem in found.problems] == ["[profiler] hmac_keys"]
    assert found.problems[0].fatal
    assert "set it" in found.problems[0].message
    assert found.export.protocol == "http/protobuf"


def test_no_key_in_the_environment():
    """Without oslo.config the variable is named."""
    found = config.from_environ({})
    assert not found.gate.enabled
    assert [problem.option for problem in found.problems] == ["OTEL_BRIDGE_HMAC_KEYS"]
    assert found.problems[0].fatal


@pytest.mark.parametrize(
    ("profiler", "environ", "option"),
    [
        ({}, {}, "[profiler] hmac_keys"),
        ({"hmac_keys": "mine, SECRET_KEY"}, {}, "[profiler] hmac_keys"),
        ({}, {"OTEL_BRIDGE_HMAC_KEYS": "SECRET_KEY"}, "OTEL_BRIDGE_HMAC_KEYS"),
    ],
)
def test_the_default_key_works_with_a_warning(profiler, environ, option):
    """It is OSProfiler's default, so it is accepted, and reported once."""
    found = read(environ, enabled=True, **profiler)
    assert found.gate.enabled
    assert "SECRET_KEY" in keys(found)
    assert [problem.option for problem in found.problems] == [option]
    assert not found.problems[0].fatal
    assert "everybody knows" in found.problems[0].message


def test_a_default_that_the_service_set_counts():
    """osprofiler.opts.set_defaults changes the default: that is what the service wants."""
    from osprofiler import opts as theirs

    conf = cfg.ConfigOpts()
    theirs.set_defaults(conf, enabled=True, hmac_keys="from the service")
    found = config.from_conf(conf, {"OTEL_BRIDGE_HMAC_KEYS": "other"})
    for name in (
        "enabled",
        "hmac_keys",
    ):  # osprofiler's group shares its defaults with every other ConfigOpts
        conf.clear_default(name, group="profiler")
    assert found.gate.enabled
    assert keys(found) == ["from the service"]


@pytest.mark.parametrize(("set_to", "algorithm"), [(None, "sha1"), ("sha256", "sha256"), ("SHA1", "sha1")])
def test_algorithm(set_to, algorithm):
    """Keys sign with [otel_bridge] hmac_algorithm."""
    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    conf.set_override("enabled", True, group="profiler")
    conf.set_override("hmac_keys", "key", group="profiler")
    if set_to:
        conf.set_override("hmac_algorithm", set_to, group="otel_bridge")
    found = config.from_conf(conf, {})
    assert [key.algorithm for key in found.gate.keys.keys] == [algorithm]


@pytest.mark.parametrize(
    ("content", "environ", "expected"),
    [
        (b"a\n", {}, ["a"]),
        (b"a,b\r\n\n c \n", {}, ["a", "b", "c"]),
        (b"b\n", {"OTEL_BRIDGE_HMAC_KEYS": "a,b"}, ["b", "a"]),
        (b"\xff\n", {}, ["\udcff"]),
        (b"# the old one, until May\na\n  #b\nc#d\n", {}, ["a", "c#d"]),
        (b"\xef\xbb\xbfa\r\nb\r\n", {}, ["a", "b"]),
    ],
)
def test_keys_file(tmp_path, content, environ, expected):
    """Keys stand one a line or separated by commas, and come before those of the variable."""
    path = tmp_path / "keys"
    path.write_bytes(content)
    found = config.from_environ({"OTEL_BRIDGE_HMAC_KEYS_FILE": str(path), **environ})
    assert keys(found) == expected
    assert found.problems == ()


@pytest.mark.parametrize("content", [None, b"", b"s3cr3t," * 10_000])
def test_bad_keys_file(tmp_path, content):
    """A file that is missing, empty or far too large leaves the service untraced, with one line."""
    path = tmp_path / "keys"
    if content is not None:
        path.write_bytes(content)
    found = config.from_environ({"OTEL_BRIDGE_HMAC_KEYS_FILE": str(path)})
    assert not found.gate.enabled
    assert len(found.problems) == 1
    assert found.problems[0].fatal
    assert "s3cr3t" not in str(found.problems[0])


def test_a_bad_keys_file_is_not_passed_over(tmp_path):
    """Keys of the variable do not hide that those of the file are missing."""
    found = config.from_environ({"OTEL_BRIDGE_HMAC_KEYS_FILE": str(tmp_path), "OTEL_BRIDGE_HMAC_KEYS": "key"})
    assert not found.gate.enabled
    assert [problem.option for problem in found.problems] == ["OTEL_BRIDGE_HMAC_KEYS_FILE"]


def test_a_key_that_cannot_be_encoded():
    """It is refused without being shown."""
    found = config.from_environ({"OTEL_BRIDGE_HMAC_KEYS": "s3cr3t\ud800"})
    assert not found.gate.enabled
    assert found.problems[0].fatal
    assert "s3cr3t" not in str(found.problems[0])


@pytest.mark.parametrize(("name", "text"), [("enabled", "perhaps"), ("hmac_keys", "s3cr3t$nothing")])
def test_options_that_cannot_be_read(tmp_path, name, text):
    """A switch that is neither on nor off, or a stray $ in a key: untraced, with one line and no secret."""
    path = tmp_path / "service.conf"
    path.write_text(f"[profiler]\nenabled = true\nhmac_keys = key\n{name} = {text}\n")
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[str(path)], default_config_dirs=[])
    found = config.from_conf(conf, {"OTEL_BRIDGE_HMAC_KEYS": "key"})
    assert not found.gate.enabled
    assert [problem.option for problem in found.problems] == [f"[profiler] {name}"]
    assert found.problems[0].fatal
    assert "s3cr3t" not in str(found.problems[0])


def test_keys_are_values():
    """What was read compares equal to the same keys."""
    assert read(enabled=True, hmac_keys="a").gate.keys.keys == (Key("a"),)


def read_file(tmp_path, text, environ=None, **profiler):
    """Settings of a service with a file of keys."""
    path = tmp_path / "keys"
    path.write_text(text)
    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    conf.set_override("enabled", True, group="profiler")
    conf.set_override("hmac_keys_file", str(path), group="otel_bridge")
    for name, value in profiler.items():
        conf.set_override(name, value, group="profiler")
    return config.from_conf(conf, environ or {})


@pytest.mark.parametrize(
    ("profiler", "environ", "expected"),
    [
        ({}, {}, ["a", "b"]),
        ({"hmac_keys": "c,a"}, {}, ["a", "b", "c"]),
        ({"hmac_keys": "c"}, {"OTEL_BRIDGE_HMAC_KEYS": "d"}, ["a", "b", "c"]),
        ({}, {"OTEL_BRIDGE_HMAC_KEYS": "d"}, ["a", "b", "d"]),
        ({}, {"OTEL_BRIDGE_HMAC_KEYS_FILE": "/nowhere"}, ["a", "b"]),
    ],
)
def test_hmac_keys_file(tmp_path, profiler, environ, expected):
    """Its keys come first, those of hmac_keys are good as well, and OSProfiler's default is none of them."""
    found = read_file(tmp_path, "a\nb\n", environ, **profiler)
    assert keys(found) == expected
    assert found.gate.enabled
    assert found.problems == ()
    assert found.gate.keys_file is not None
    assert [key.reveal() for key in found.gate.keys_file.keys.keys] == ["a", "b"]


def test_a_key_that_stands_in_both_is_fixed_as_well(tmp_path):
    """It stays when the file loses it."""
    found = read_file(tmp_path, "a\nb\n", hmac_keys="b,c")
    assert [key.reveal() for key in found.gate.fixed_keys.keys] == ["b", "c"]


def test_without_a_file_all_keys_are_fixed():
    found = read(enabled=True, hmac_keys="a")
    assert found.gate.fixed_keys is found.gate.keys


@pytest.mark.parametrize("text", ["", "s3cr3t," * 20_000])
def test_a_bad_hmac_keys_file_leaves_the_service_untraced(tmp_path, text):
    found = read_file(tmp_path, text)
    assert found.gate.enabled == (text == ""), "an empty one is none: OSProfiler's default counts"
    assert "s3cr3t" not in str(found.problems)
    assert len(found.problems) == 1


def gate_of(environ=None, **options):
    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    conf.set_override("enabled", True, group="profiler")
    conf.set_override("hmac_keys", options.pop("hmac_keys", "key"), group="profiler")
    for name, value in options.items():
        conf.set_override(name, value, group="otel_bridge")
    return config.from_conf(conf, environ or {})


@pytest.mark.parametrize(
    ("window", "environ", "expected"),
    [
        (None, {}, (0, False)),
        (60, {}, (60, True)),
        (None, {"OTEL_BRIDGE_FRESHNESS": "1"}, (0, True)),
        (None, {"OTEL_BRIDGE_FRESHNESS": "true"}, (0, True)),
        (None, {"OTEL_BRIDGE_FRESHNESS": "0"}, (0, False)),
    ],
)
def test_freshness(window, environ, expected):
    """Who asks for it gives it; who is told by the environment gives it without asking."""
    found = gate_of(environ, **({} if window is None else {"freshness_window": window}))
    assert (found.gate.freshness_window, found.gate.stamps) == expected
    assert found.problems == ()


@pytest.mark.parametrize("text", ["-1", "a minute", "99999999", "$nothing"])
def test_without_the_window_that_was_asked_for_nothing_is_traced(tmp_path, text):
    """Not everything for ever: whoever sets it does not want replayed requests traced."""
    path = tmp_path / "service.conf"
    path.write_text(f"[profiler]\nenabled=true\nhmac_keys=key\n[otel_bridge]\nfreshness_window = {text}\n")
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[str(path)], default_config_dirs=[])
    found = config.from_conf(conf, {})
    assert not found.gate.enabled
    (problem,) = found.problems
    assert problem.fatal
    assert problem.option == "[otel_bridge] freshness_window"


def test_a_client_is_told_by_the_environment():
    assert config.from_environ({"OTEL_BRIDGE_FRESHNESS": "1"}, connection="otel:").gate.stamps


@pytest.mark.parametrize(("policy", "enabled"), [({}, False), ({"sampling_ratio": 0.5}, True)])
def test_a_service_may_trace_unsigned_requests_without_a_key(policy, enabled):
    """It has been told to; without a policy there would be nothing to trace."""
    found = gate_of(hmac_keys="", **policy)
    assert found.gate.enabled is enabled
    assert bool(found.problems) is not enabled
