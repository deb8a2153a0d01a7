"""Reports that are counted over the fact sheets as they are now: stages, cohorts, routes, two questions."""
