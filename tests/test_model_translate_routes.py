"""translate.routes: templates of paths."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_bridge.model.translate.routes import MEMBER, path_template

UUID = "6f1c3e7e-5a3c-4f6e-9f1c-3e7e5a3c4f6e"
HEX = UUID.replace("-", "")


@pytest.mark.parametrize(
    ("path", "template"),
    [
        (f"/things/{UUID}", "/things/{id}"),
        (f"/things/{UUID.upper()}/x", "/things/{id}/x"),
        (f"/things/{HEX}", "/things/{id}"),
        ("/things/" + "ab12" * 16, "/things/{id}"),
        (f"/v1/AUTH_{HEX}/c", "/v1/AUTH_{id}/c"),
        (f"/requests/req-{UUID}", "/requests/req-{id}"),
        ("/things/12/parts/7", "/things/{id}/parts/{id}"),
        ("/2009-04-04/meta-data", "/2009-04-04/meta-data"),
        ("/deadbeef", "/deadbeef"),
        ("/", "/"),
        ("//", "//"),
        ("", ""),
    ],
)
def test_what_looks_like_an_id_is_one_anywhere(path: str, template: str) -> None:
    assert path_template(path) == template


@pytest.mark.parametrize(
    ("path", "template"),
    [
        # Nova
        ("/v2.1/flavors/m1.tiny", "/v2.1/flavors/{id}"),
        ("/v2.1/flavors/detail", "/v2.1/flavors/detail"),
        ("/v2.1/flavors/m1.tiny/os-extra_specs/hw:cpu_policy", "/v2.1/flavors/{id}/os-extra_specs/{id}"),
        ("/compute/v2.1/servers/web-1", "/compute/v2.1/servers/{id}"),
        (f"/v2.1/{HEX}/servers/detail", "/v2.1/{id}/servers/detail"),
        (f"/v2.1/servers/{UUID}/action", "/v2.1/servers/{id}/action"),
        (f"/v2.1/servers/{UUID}/metadata/role", "/v2.1/servers/{id}/metadata/{id}"),
        (
            f"/v2.1/servers/{UUID}/os-volume_attachments/{UUID}",
            "/v2.1/servers/{id}/os-volume_attachments/{id}",
        ),
        (f"/v2.1/servers/{UUID}/ips/private", "/v2.1/servers/{id}/ips/{id}"),
        ("/v2.1/os-keypairs/mine", "/v2.1/os-keypairs/{id}"),
        ("/v2.1/os-hypervisors/statistics", "/v2.1/os-hypervisors/statistics"),
        ("/v2.1/os-hypervisors/cmp1.example/uptime", "/v2.1/os-hypervisors/{id}/uptime"),
        ("/v2.1/os-services/force-down", "/v2.1/os-services/force-down"),
        # Keystone
        ("/v3/auth/tokens", "/v3/auth/tokens"),
        ("/v3/users/alice/projects", "/v3/users/{id}/projects"),
        ("/v3/domains/default", "/v3/domains/{id}"),
        ("/v3/domains/config/ldap/default", "/v3/domains/config/ldap/default"),
        (f"/v3/projects/{HEX}/users/{HEX}/roles/{HEX}", "/v3/projects/{id}/users/{id}/roles/{id}"),
        ("/v3/regions/RegionOne", "/v3/regions/{id}"),
        (
            "/v3/OS-FEDERATION/identity_providers/corp/protocols/saml2/auth",
            "/v3/OS-FEDERATION/identity_providers/{id}/protocols/{id}/auth",
        ),
        # Glance
        ("/v2/images/tiny", "/v2/images/{id}"),
        (f"/v2/images/{UUID}/tags/gold", "/v2/images/{id}/tags/{id}"),
        (f"/v2/images/{UUID}/file", "/v2/images/{id}/file"),
        ("/v2/schemas/image", "/v2/schemas/image"),
        ("/v2/metadefs/namespaces/OS::Compute::Quota", "/v2/metadefs/namespaces/{id}"),
        # Placement
        ("/allocation_candidates", "/allocation_candidates"),
        (f"/allocations/{UUID}", "/allocations/{id}"),
        (f"/resource_providers/{UUID}/inventories/VCPU", "/resource_providers/{id}/inventories/{id}"),
        ("/traits/CUSTOM_GOLD", "/traits/{id}"),
        # Neutron
        ("/v2.0/networks.json", "/v2.0/networks.json"),
        ("/v2.0/networks/private", "/v2.0/networks/{id}"),
        (f"/v2.0/networks/{UUID}.json", "/v2.0/networks/{id}"),
        ("/v2.0/floatingips/10.0.0.7", "/v2.0/floatingips/{id}"),
        (f"/v2.0/qos/policies/{UUID}/bandwidth_limit_rules", "/v2.0/qos/policies/{id}/bandwidth_limit_rules"),
        ("/v2.0/extensions/agent", "/v2.0/extensions/agent"),
        # Cinder
        (f"/v3/{HEX}/volumes/summary", "/v3/{id}/volumes/summary"),
        (f"/v3/{HEX}/types/fast/extra_specs/volume_backend_name", "/v3/{id}/types/{id}/extra_specs/{id}"),
        (f"/v3/{HEX}/scheduler-stats/get_pools", "/v3/{id}/scheduler-stats/get_pools"),
        # Heat
        (f"/v1/{HEX}/stacks/web", "/v1/{id}/stacks/{id}"),
        (f"/v1/{HEX}/stacks/web/{UUID}/resources/db", "/v1/{id}/stacks/{id}/{id}/resources/{id}"),
        (f"/v1/{HEX}/stacks/preview", "/v1/{id}/stacks/preview"),
        # Ironic
        ("/v1/nodes/rack1-7/states/power", "/v1/nodes/{id}/states/power"),
    ],
)
def test_names_are_members_of_the_collections_that_services_have(path: str, template: str) -> None:
    assert path_template(path) == template


def test_a_member_may_be_called_like_a_collection() -> None:
    assert path_template("/v2.1/servers/images/action") == "/v2.1/servers/{id}/action"
    assert path_template("/v2.1/servers/images/metadata/tags") == "/v2.1/servers/{id}/metadata/{id}"


@pytest.mark.parametrize("path", ["/v2.1/servers/", "/v2.1/servers//action", "/servers"])
def test_what_is_not_there_is_no_member(path: str) -> None:
    assert path_template(path) == path


@given(st.text())
def test_a_template_is_its_own_template(path: str) -> None:
    template = path_template(path)
    assert path_template(template) == template
    assert template.count("/") == path.count("/")


SEGMENTS = st.sampled_from(["servers", "stacks", "detail", "x", "", MEMBER, "7", "images", "preview"])


@given(st.lists(SEGMENTS))
def test_a_template_of_known_words_is_its_own_template(segments: list[str]) -> None:
    template = path_template("/".join(segments))
    assert path_template(template) == template


def test_long_paths_take_linear_time() -> None:
    begin = process_time()
    for unit in ("servers/a/", "a", "/", "12/", "deadbeef-"):
        path_template(unit * (1_000_000 // len(unit)))
    assert process_time() - begin < 20  # well below a second; minutes if it were quadratic
