"""Reading traces back."""
