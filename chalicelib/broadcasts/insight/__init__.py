"""What LINE counted of broadcasts: who looked, who tapped, as far as LINE reports it."""
