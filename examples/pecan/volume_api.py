"""A volume API: Pecan's controllers on a table of SQLAlchemy's. Nothing here knows that it is traced."""

from __future__ import annotations

import pecan
import sqlalchemy as sa
from pecan import expose
from pecan.rest import RestController

_volumes = sa.Table(
    "volumes",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
)


class VolumesController(RestController):
    """``/v1/volumes``"""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @expose("json")
    def get_all(self):
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_volumes).order_by(_volumes.c.id))
            return {"volumes": [dict(row) for row in rows.mappings()]}

    @expose("json")
    def get_one(self, volume_id: str):
        if not volume_id.isdecimal():
            pecan.abort(404)
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(_volumes).where(_volumes.c.id == int(volume_id))).first()
        if row is None:
            pecan.abort(404)
        return {"volume": dict(row._mapping)}

    @expose("json")
    def post(self):
        name = pecan.request.json["volume"]["name"]
        with self._engine.begin() as connection:
            result = connection.execute(sa.insert(_volumes).values(name=name))
        pecan.response.status = 201
        return {"volume": {"id": result.inserted_primary_key.id, "name": name}}


class V1Controller:
    def __init__(self, engine: sa.Engine) -> None:
        self.volumes = VolumesController(engine)


class RootController:
    def __init__(self, engine: sa.Engine) -> None:
        self.v1 = V1Controller(engine)


def app_factory(global_conf: dict[str, str], **local_conf: str):
    """Paste's factory of the application; the database's URL is in ``global_conf``."""
    engine = sa.create_engine(global_conf["database"])
    _volumes.metadata.create_all(engine)
    return pecan.make_app(RootController(engine), debug=False)
