"""The API of the compute service."""
