"""Whole businesses in small: ``examples/<name>`` played through public endpoints, every number compared.

An example is a folder: ``bundle.yaml`` (what its owner wrote), ``friends.csv`` (who is there already) and
``play.yaml`` (what happens, and what must come of it). ``make demo EXAMPLE=<name>`` plays one; the tests play
all of them.
"""
