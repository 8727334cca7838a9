"""The compute node: where instances run."""
