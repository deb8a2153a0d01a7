"""The friends of an account: one fact sheet each, kept, edited and shown.

What a sheet is, and how events fold into it, is ``sheets``. Here ``store`` writes changed paths only, under
the condition that nobody else changed the sheet meanwhile (``rev``).

This room never decides which rule fires, never reads a segment and never talks to LINE, except to ask it for
a profile.
"""
