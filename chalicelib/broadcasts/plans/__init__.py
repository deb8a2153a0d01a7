"""A run's plan: who of its audience gets which variant, judged slice by slice and packed into chunks."""
