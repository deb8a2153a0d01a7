"""Privacy: nothing is kept of who was erased, and nothing of what was unsent.

``erasure`` erases a friend and has every keeper forget; ``service`` takes unsent messages off the
timeline and out of the ledger. Each room declares what it keeps of a friend (``keepers.py``,
docs/privacy.md).
"""
