"""What LINE knows of many: audiences, whom a narrowcast reaches, what was opened."""
