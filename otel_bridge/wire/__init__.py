"""What travels between processes: ids, signed headers, OTLP bytes. Pure: no I/O, no globals."""
