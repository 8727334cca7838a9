"""How a store is reached."""

from otel_bridge.stores.options import USUAL, StoreOptions


def test_nothing_secret_is_shown():
    options = StoreOptions(headers={"authorization": "Bearer s3cr3t"}, ca_file="/ca")
    assert "s3cr3t" not in repr(options)
    assert "/ca" in repr(options)


def test_who_watches_makes_no_difference():
    assert StoreOptions(observer=object()) == USUAL
    assert StoreOptions(headers={"a": "b"}) != USUAL
