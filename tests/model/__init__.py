"""State-space models of the protocols: every interleaving, crash, duplicate and loss in small scope."""
