"""Two small services on Flask that know nothing of tracing: orders, which asks stock.

    flask --app app:orders run --port 8001
    flask --app app:stock run --port 8002

Settings, from the environment: STOCK_URL, where orders finds stock, and DATABASE, a URL of SQLAlchemy.
"""

import os

import requests
import sqlalchemy
from flask import Flask, abort, jsonify
from sqlalchemy.pool import StaticPool

orders = Flask("orders")
stock = Flask("stock")

STOCK_URL = os.environ.get("STOCK_URL", "http://127.0.0.1:8002")
# A database in memory is one connection's, so that all threads share the one.
engine = sqlalchemy.create_engine(
    os.environ.get("DATABASE", "sqlite://"), poolclass=StaticPool, connect_args={"check_same_thread": False}
)
meta = sqlalchemy.MetaData()
items = sqlalchemy.Table(
    "items",
    meta,
    sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True),
    sqlalchemy.Column("name", sqlalchemy.String(80), nullable=False),
    sqlalchemy.Column("left", sqlalchemy.Integer, nullable=False),
)
meta.create_all(engine)
with engine.begin() as connection:
    connection.execute(items.delete())
    connection.execute(items.insert(), [{"id": 1, "name": "screw", "left": 300}])


@orders.get("/orders/<int:number>")
def order(number):
    answer = requests.get(f"{STOCK_URL}/items/{number}", timeout=10)
    if answer.status_code == 404:
        abort(404)
    return jsonify(order=number, item=answer.json())


@stock.get("/items/<int:number>")
def item(number):
    with engine.connect() as connection:
        found = connection.execute(sqlalchemy.select(items).where(items.c.id == number)).mappings().first()
    if found is None:
        abort(404)
    return jsonify(dict(found))
