"""Unmodified services: OSProfiler's core works on ours once a driver of ours is chosen."""
