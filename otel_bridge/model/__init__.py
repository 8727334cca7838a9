"""What a trace means: trace points, their translation into spans, redaction, pairing. Pure: no I/O."""
