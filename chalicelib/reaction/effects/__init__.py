"""What was decided is carried out, after the write: replies, pushes, what policies hold back."""
