"""Everything that was written to read OSProfiler's reports, on reports of ours."""
