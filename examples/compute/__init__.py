"""A miniature compute service, built as OpenStack services are, and traced with otel_bridge.

An API on WSGI, a conductor and compute nodes reached by RPC, a database, and a second service (image) that
is called over HTTP. The modules carry the names that nova gives them. ``README.md`` says how to run it.
"""
