"""Our implementation of the OpenTelemetry tracing API, and the gate in front of it."""
