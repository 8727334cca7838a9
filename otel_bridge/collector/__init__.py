"""The embedded backend: an OTLP/HTTP receiver into SQLite, with a viewer."""
