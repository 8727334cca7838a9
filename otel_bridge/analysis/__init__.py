"""What can be computed of a trace: pure functions of its spans, of any depth and width."""
