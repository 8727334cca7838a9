"""Which store a configuration names, and how it is reached."""

import pytest
from oslo_config import cfg

from otel_bridge import config, opts
from otel_bridge.stores.options import USUAL

CHOSEN = "[profiler]\nconnection_string = "
FULL = """[otel_bridge]
store = https://h:1
store_headers = authorization=Bearer%20s3cr3t,x-scope-orgid=a
store_ca_file = /ca
store_client_cert = /cert
store_client_key = /key
store_timeout = 7.5
"""
VARIABLES = {
    "OTEL_BRIDGE_STORE_HEADERS": "X-Scope-OrgID=b",
    "OTEL_BRIDGE_STORE_CA_FILE": "/other/ca",
    "OTEL_BRIDGE_STORE_CLIENT_CERT": "/other/cert",
    "OTEL_BRIDGE_STORE_CLIENT_KEY": "/other/key",
    "OTEL_BRIDGE_STORE_TIMEOUT": "2",
}


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], None),
        (["[otel_bridge]\n"], None),
        (["[otel_bridge]\nstore =\n"], None),
        (["[DEFAULT]\ndebug = true\n[otel_bridge]\nstore = sqlite:/a\n"], "sqlite:/a"),
        (["[otel_bridge]\nstore = sqlite:/a\n", "[otel_bridge]\nstore = sqlite:/b\n"], "sqlite:/b"),
        (["[otel_bridge]\nstore = sqlite:/a\n", "[otel_bridge]\ntimeout = nonsense\n"], "sqlite:/a"),
        ([f"{CHOSEN}otel://h?store=sqlite%3A/c\n"], "sqlite:/c"),
        ([f"{CHOSEN}otel://h?store=sqlite:/c\n[otel_bridge]\nstore = sqlite:/a\n"], "sqlite:/a"),
        ([f"{CHOSEN}otel://h\n"], None),
        ([f"{CHOSEN}messaging://h?store=sqlite:/c\n"], None),
    ],
)
def test_load_store(tmp_path, texts, expected):
    """The last file that sets it wins, the connection string comes after it; other options do not matter."""
    paths = []
    for number, text in enumerate(texts):
        path = tmp_path / f"{number}.conf"
        path.write_text(text)
        paths.append(str(path))
    found = config.load_store(paths, {})
    assert (found and found.url) == expected


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"[otel_bridge]\ns3cr3t\n", "line 2"),
        (b"  s3cr3t\n", "line 1"),
        (b"[otel_bridge]\nstore = \xff\n", "UTF-8"),
        (b"[otel_bridge]\nstore = $nothing\n", "[otel_bridge] store"),
        (b"[otel_bridge]\nstore = http://u:$s3cr3t@h\n", "[otel_bridge] store"),
        (b"[profiler]\nconnection_string = otel://u:s3cr3t@h:x?store=a\n", "[profiler] connection_string"),
        (b"[profiler]\nconnection_string = otel://u:$s3cr3t@h\n", "[profiler] connection_string"),
    ],
)
def test_load_store_refuses(tmp_path, content, says):
    """One line names the file or the option, and does not quote what could be a secret."""
    path = tmp_path / "bad.conf"
    path.write_bytes(content)
    with pytest.raises(config.ConfigError) as caught:
        config.load_store([str(path)], {})
    assert says in str(caught.value)
    assert str(path) in str(caught.value) or caught.value.option.startswith("[")
    assert "s3cr3t" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["missing.conf", ""])
def test_load_store_needs_files(tmp_path, name):
    """A file that is not there, or that is a directory, is an error that shows its path."""
    with pytest.raises(config.ConfigError, match="--config-file: ") as caught:
        config.load_store([str(tmp_path / name)], {})
    assert str(tmp_path) in caught.value.message


@pytest.fixture
def full(tmp_path):
    path = tmp_path / "full.conf"
    path.write_text(FULL)
    return str(path)


def as_tuple(options):
    return (
        dict(options.headers),
        options.ca_file,
        options.cert_file,
        options.key_file,
        options.timeout,
    )


def test_the_store_comes_with_how_it_is_reached(full):
    found = config.load_store([full], {})
    assert (found.url, found.origin) == ("https://h:1", "[otel_bridge] store")
    headers = {"authorization": "Bearer s3cr3t", "x-scope-orgid": "a"}
    assert as_tuple(found.options) == (headers, "/ca", "/cert", "/key", 7.5)
    assert "s3cr3t" not in repr(found)


def test_variables_are_stronger(full):
    changed = ({"x-scope-orgid": "b"}, "/other/ca", "/other/cert", "/other/key", 2.0)
    assert as_tuple(config.load_store([full], VARIABLES).options) == changed
    assert as_tuple(config.store_options(VARIABLES)) == changed


def test_each_variable_is_alone(full):
    found = config.load_store([full], {"OTEL_BRIDGE_STORE_TIMEOUT": "2", "OTEL_BRIDGE_STORE_CA_FILE": " "})
    assert as_tuple(found.options)[1:] == ("/ca", "/cert", "/key", 2.0)


def test_nothing_set_is_the_usual():
    conf = cfg.ConfigOpts()
    opts.register_opts(conf)
    conf([], default_config_files=[])
    assert config.store_options({}) == config.store_options({}, conf) == USUAL


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"OTEL_BRIDGE_STORE_HEADERS": "a=b,s3cr3t"}, "OTEL_BRIDGE_STORE_HEADERS: entry 2 is not name=value"),
        ({"OTEL_BRIDGE_STORE_HEADERS": "a=s3cr3t%0d%0ab"}, "cannot carry"),
        ({"OTEL_BRIDGE_STORE_HEADERS": "Host=s3cr3t"}, "host is set in any case"),
        ({"OTEL_BRIDGE_STORE_TIMEOUT": "0"}, "OTEL_BRIDGE_STORE_TIMEOUT: it is no number of seconds"),
        ({"OTEL_BRIDGE_STORE_TIMEOUT": "nan"}, "no number of seconds"),
        ({"OTEL_BRIDGE_STORE_TIMEOUT": "soon"}, "no number of seconds"),
        ({"OTEL_BRIDGE_STORE_TIMEOUT": "1e9"}, "no number of seconds"),
    ],
)
def test_what_cannot_be_used_is_one_line_that_shows_no_header(environ, says):
    with pytest.raises(config.ConfigError) as caught:
        config.store_options(environ)
    assert says in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("value", ["$s3cr3t", "a=$s3cr3t"])
def test_a_header_that_is_no_template_is_not_shown(tmp_path, value):
    path = tmp_path / "bad.conf"
    path.write_text(f"[otel_bridge]\nstore = sqlite:/a\nstore_headers = {value}\n")
    with pytest.raises(config.ConfigError, match=r"\[otel_bridge\] store_headers: ") as caught:
        config.load_store([str(path)], {})
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("value", ["0", "-1", "nonsense", "4000"])
def test_a_time_out_that_is_none_is_named(tmp_path, value):
    path = tmp_path / "bad.conf"
    path.write_text(f"[otel_bridge]\nstore = sqlite:/a\nstore_timeout = {value}\n")
    with pytest.raises(config.ConfigError, match=r"\[otel_bridge\] store_timeout: "):
        config.load_store([str(path)], {})
