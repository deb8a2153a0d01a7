"""LINE's calls off the hot path that several rooms make, by the official SDK: audiences, statistics."""
