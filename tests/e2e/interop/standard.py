"""A service on OpenTelemetry's SDK and contrib. Not a test: a process runs it, with the next URL and a port.

Everything else comes from OpenTelemetry's environment variables.
"""

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


@application.get("/things")
def things():
    return requests.get(sys.argv[1], timeout=30).text


if __name__ == "__main__":
    waitress.serve(application, listen=f"127.0.0.1:{sys.argv[2]}")
