"""Services on osprofiler, on otel_bridge and on OpenTelemetry's SDK, for traces over all of them."""
