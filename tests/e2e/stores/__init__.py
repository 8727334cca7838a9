"""Reading traces back from real stores."""
