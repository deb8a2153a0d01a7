"""Jobs: work that runs in the background, cut into chunks whose marks say how far it is."""
