"""The fact sheet as a value: what is known of one friend, and how it follows from what happened. Pure.

A fact sheet is one item that holds everything a condition may ask. It is folded from events by the
time each event happened, not by the time it arrived: a late event never undoes a later change, and
late points still count.

The price: a score that is set while later points are already counted keeps the later value, a clamped
score depends on the order of arrival, and a sheet has a size budget (``trim`` says what was dropped).
"""
