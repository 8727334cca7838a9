"""SQLAlchemy engines that tests trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool


@contextmanager
def memory_engine(schema: sa.MetaData | None = None) -> Iterator[sa.Engine]:
    """An untraced engine on one SQLite database in memory, with this schema."""
    engine = sa.create_engine("sqlite://", poolclass=StaticPool)
    if schema is not None:
        schema.create_all(engine)
    try:
        yield engine
    finally:
        engine.dispose()
