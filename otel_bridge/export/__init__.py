"""From finished spans to OTLP: queue, export thread, transport."""
