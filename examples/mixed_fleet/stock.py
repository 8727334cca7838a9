"""``python stock.py PORT PRICES``: a service on OpenTelemetry's SDK and contrib, with nothing of ours in it.

The environment says the rest: where spans go, who decides (``parentbased_always_off``), and that the signed
headers are understood and passed on (``OTEL_PROPAGATORS=osprofiler,tracecontext``).
"""

from __future__ import annotations

import sys

import flask
import requests
import waitress
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)

application = flask.Flask(__name__)
FlaskInstrumentor().instrument_app(application)
RequestsInstrumentor().instrument()


@application.get("/stock/<article>")
def stock(article: str) -> str:
    price = requests.get(f"{sys.argv[2]}/{article}", timeout=30).text
    return f"{article}: 12 left, {price} each"


if __name__ == "__main__":
    waitress.serve(application, listen=f"127.0.0.1:{sys.argv[1]}")
