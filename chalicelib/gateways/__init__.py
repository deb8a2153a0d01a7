"""Doors out: AWS, LINE and the clock. Nothing here decides anything; each call crosses the one seam."""
