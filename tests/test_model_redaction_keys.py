"""redaction.keys: which names stand for secrets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.model.redaction import (
    exception_message,
    hide_further,
    is_secret_key,
    redact_query,
    redact_text,
)
from otel_bridge.model.translate import ClientRequest, ServerRequest

SECRET = str.split(
    "password Password PASSWORD passwd admin_pass adminPass admin-pass adminpass new_pass rootPass pass "
    "os_password OS_PASSWORD dbPassword user.password password_hash passwordCredentials "
    "x-auth-token X-Auth-Token X_SUBJECT_TOKEN auth_token authToken token tokens auth_tokens access_tokens "
    "http.request.header.authorization Authorization http.request.header.x-auth-token cookie set-cookie "
    "Set-Cookie secret client_secret clientSecret secrets metadata_proxy_shared_secret credential "
    "credentials "
    "hmac_key hmac_keys hmacKeys HMAC_KEYS private_key privateKey api_key apikey API_KEY access_key "
    "AWSAccessKeyId secret_key encryption_key fernet_keys user_data userData OS-EXT-SRV-ATTR:user_data "
    "userdata personality injected_files injected_file_content passphrase --os-password token_id "
    "auth_headers files_to_inject keyring temp_url_sig X-Amz-Signature new_pass auth_password "
    "admin_pass.k part.admin_pass.0"
)
PUBLIC = str.split(
    "gen_ai.usage.input_tokens gen_ai.usage.output_tokens max_tokens tokenizer token_count token_type "
    "token_expires token.provider http.request.method url.path db.query.text key key_name keypair keyboard "
    "user_id user.name user data public_key compass passenger passthrough_allowed pass_count secretary "
    "cookiecutter authorized_by monkey primary_key foreign_key x-openstack-request-id project_id "
    "img_signature url inject_network_info auth_url"
)


@pytest.mark.parametrize("name", SECRET)
def test_names_of_secrets_are_recognised_in_every_spelling(name: str) -> None:
    assert is_secret_key(name)


@pytest.mark.parametrize("name", PUBLIC)
def test_names_that_only_resemble_them_are_not(name: str) -> None:
    assert not is_secret_key(name)


@settings(deadline=None)
@given(st.text())
def test_any_text_has_an_answer(name: str) -> None:
    assert is_secret_key(name) in (True, False)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["nova", "os", "x", "v2"]), max_size=3),
    st.sampled_from(["password", "auth_token"]),
)
def test_a_prefix_does_not_hide_a_secret(prefix: list[str], name: str) -> None:
    for separator in ("_", "-", ".", ":", " "):
        assert is_secret_key(separator.join([*prefix, name]))


def test_a_long_name_is_judged_by_its_end() -> None:
    assert is_secret_key("a." * 100_000 + "password")


@pytest.fixture
def further():
    yield hide_further
    hide_further(())


@pytest.mark.parametrize(
    ("named", "hidden", "shown"),
    [
        ("customer_id", "customer_id customerId X-Customer-Id CUSTOMER_ID old.customer.id.hash", "customer"),
        ("customerId", "customer_id x_customer_id", "customer_identity id_customer customers_id"),
        ("IBAN", "iban IBAN user_iban ibanOf", "ibans turban"),
        ("a_a_b", "a_a_a_b", "a_a_a a_b"),
    ],
)
def test_further_names_count_by_whole_words_in_any_spelling(further, named, hidden, shown) -> None:
    names = [*hidden.split(), *shown.split()]
    assert not any(map(is_secret_key, names))  # and what is remembered of them is forgotten
    further([named])
    assert [name for name in names if is_secret_key(name)] == hidden.split()


def test_further_names_replace_those_before_and_never_the_built_in_ones(further) -> None:
    further(["customer_id"])
    further(["iban"])
    assert [is_secret_key(name) for name in ("customer_id", "iban", "password")] == [False, True, True]
    further(())
    assert [is_secret_key(name) for name in ("customer_id", "iban", "password")] == [False, False, True]


@pytest.mark.parametrize("useless", ["", "-", "öß", "пароль"])
def test_a_name_without_a_word_hides_nothing(further, useless) -> None:
    further([useless])
    assert not is_secret_key("flavor")
    assert not is_secret_key("")


@pytest.mark.parametrize(
    "shown",
    [
        lambda: redact_text("customer_id=4711"),
        lambda: redact_query("customer_id=4711"),
        lambda: exception_message("ValueError", "customer_id=4711"),
        lambda: ServerRequest(path="/", query="customer_id=4711").translate()[1]["url.query"],
        lambda: ClientRequest(host="h", path="/", query="customer_id=4711").translate()[1]["url.full"],
    ],
)
def test_what_is_remembered_of_other_texts_follows_the_names(further, shown) -> None:
    """Each of them keeps a cache of its own."""
    assert "4711" in shown()
    further(["customer_id"])
    assert "4711" not in shown()
    further(())
    assert "4711" in shown()
