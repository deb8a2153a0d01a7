"""The doors for other systems: events and purchases by API.

    model      what a caller may say, checked item by item
    service    who has been heard before, into the inbox (a few) or ``bulk`` (many), then remembered
    api        the routes

An event is the same one when account, friend and event_id are the same, and the first ``at`` wins. What
was accepted is remembered after the queue has it and before the answer, so sending again says "duplicate";
a crash in between, or two callers at the same time, may say "accepted" twice for an event that the
reaction still applies once. The room decides nothing about friends.
"""
