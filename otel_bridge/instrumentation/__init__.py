"""Instrumentors: small adapters of libraries on the tracing core."""
