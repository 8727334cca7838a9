"""A trace, shown."""
