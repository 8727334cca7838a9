"""``catalog.py``: the services' users and endpoints; reads "name type url password" lines."""

import sys

import openstack


def main() -> None:
    identity = openstack.connect().identity
    admin = identity.find_role("admin")
    service = identity.find_role("service") or identity.create_role(name="service")
    project = identity.find_project("service") or identity.create_project(name="service", domain_id="default")
    for line in sys.argv[1:]:
        name, kind, url, password = line.split()
        user = identity.find_user(name) or identity.create_user(
            name=name, password=password, domain_id="default", default_project_id=project.id
        )
        for role in (admin, service):
            identity.assign_project_role_to_user(project, user, role)
        if not identity.find_service(name):
            made = identity.create_service(name=name, type=kind)
            for interface in ("public", "internal", "admin"):
                identity.create_endpoint(
                    service_id=made.id, interface=interface, url=url, region_id="RegionOne"
                )


if __name__ == "__main__":
    main()
