"""Everything that is asked of the database: the ORM for what the API shows, Core for the rest."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from compute.conf import CONF
from compute.db.models import Base, Instance, InstanceAction, Service
from compute.exception import InstanceNotFound


@cache
def _engine() -> sa.Engine:
    """The engine of this process, made by its first query: connections are not shared across a fork."""
    return sa.create_engine(CONF.database.connection, pool_pre_ping=True)


def connect() -> None:
    """Make a first connection, so that a database which does not answer is noticed at the start."""
    _engine().connect().close()


def sync() -> None:
    """Create the tables that are missing."""
    Base.metadata.create_all(_engine())


def service_up(topic: str, host: str) -> None:
    """Announce a role, where it was not announced before and never withdrawn."""
    with suppress(sa.exc.IntegrityError), _engine().begin() as connection:
        connection.execute(sa.insert(Service).values(topic=topic, host=host))


def service_down(topic: str, host: str) -> None:
    with _engine().begin() as connection:
        connection.execute(sa.delete(Service).where(Service.topic == topic, Service.host == host))


def services() -> list[Service]:
    with Session(_engine()) as session:
        return list(session.scalars(sa.select(Service).order_by(Service.topic, Service.host)))


def compute_hosts() -> list[str]:
    """Hosts of the compute nodes that are up, sorted."""
    with _engine().connect() as connection:
        return list(
            connection.scalars(
                sa.select(Service.host).where(Service.topic == "compute").order_by(Service.host)
            )
        )


def instance_create(name: str, image: str) -> Instance:
    instance = Instance(uuid=str(uuid4()), name=name, image=image)
    with Session(_engine(), expire_on_commit=False) as session:
        session.add(instance)
        session.commit()
    return instance


def instance_list() -> list[Instance]:
    with Session(_engine()) as session:
        return list(session.scalars(sa.select(Instance).order_by(Instance.name)))


def instance_get(uuid: str) -> Instance:
    """Raises InstanceNotFound."""
    with Session(_engine()) as session:
        instance = session.get(Instance, uuid)
    if instance is None:
        raise InstanceNotFound(f"instance {uuid} could not be found")
    return instance


def instance_update(uuid: str, status: str, host: str | None = None) -> None:
    with _engine().begin() as connection:
        connection.execute(sa.update(Instance).where(Instance.uuid == uuid).values(status=status, host=host))


def action_create(uuid: str, action: str) -> None:
    with _engine().begin() as connection:
        connection.execute(sa.insert(InstanceAction).values(instance_uuid=uuid, action=action))
