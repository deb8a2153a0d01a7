"""What is known of each friend: one fact sheet per friend, and the timeline of what happened.

A fact sheet is one item that holds everything a condition may ask. It is folded from events by the
time each event happened, not by the time it arrived: a late event never undoes a later change, and
late points still count. Everything in ``sheet`` is pure; ``store`` writes changed paths only, under
the condition that nobody else changed the sheet meanwhile (``rev``).

The price: a score that is set while later points are already counted keeps the later value, a clamped
score depends on the order of arrival, and a sheet has a size budget (``trim`` says what was dropped).

This room never decides which rule fires, never reads a segment and never talks to LINE.
"""
