"""redaction.keys: which names stand for secrets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_bridge.model.redaction import is_secret_key

SECRET = str.split(
    "password Password PASSWORD passwd admin_pass adminPass admin-pass adminpass new_pass rootPass pass "
    "os_password OS_PASSWORD dbPassword user.password password_hash passwordCredentials "
    "x-auth-token X-Auth-Token X_SUBJECT_TOKEN auth_token authToken token tokens auth_tokens access_tokens "
    "http.request.header.authorization Authorization http.request.header.x-auth-token cookie set-cookie "
    "Set-Cookie secret client_secret clientSecret secrets metadata_proxy_shared_secret credential "
    "credentials "
    "hmac_key hmac_keys hmacKeys HMAC_KEYS private_key privateKey api_key apikey API_KEY access_key "
    "AWSAccessKeyId secret_key encryption_key fernet_keys user_data userData OS-EXT-SRV-ATTR:user_data "
    "userdata personality injected_files injected_file_content passphrase --os-password token_id"
)
PUBLIC = str.split(
    "gen_ai.usage.input_tokens gen_ai.usage.output_tokens max_tokens tokenizer token_count token_type "
    "token_expires token.provider http.request.method url.path db.query.text key key_name keypair keyboard "
    "user_id user.name user data public_key compass passenger passthrough_allowed pass_count secretary "
    "cookiecutter authorized_by monkey primary_key foreign_key x-openstack-request-id project_id"
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
