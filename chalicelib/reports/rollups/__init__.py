"""Rollups: the lines of finished hours and days, folded into sums that are read in their place.

``folding`` is the job that makes them, hour by hour, then for the whole day; ``marks`` says which of them
are not what their lines are any more; ``parts`` reads a report's time out of rollups where there are
any that hold, and out of lines elsewhere. A rollup never says what its lines do not (ADR 23).
"""
