"""Trace points and captured calls into span names, kinds and attributes."""
