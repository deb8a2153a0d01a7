"""Reports: what worked, in friends and in yen.

``lines`` says what of an event is counted. ``journal`` keeps one line for each such event, written by an
effect of the reaction (``actions``) and made anew from the timelines by ``rebuild``. Numbers of deliveries
come from the ledger, numbers of customers from the fact sheets; what happened on a day, and what came of a
delivery, is counted from the lines (``numbers``), and so is who is behind a number. docs/reports.md defines
every number.

This room decides nothing and sends nothing. Days are local days of the account.
"""
