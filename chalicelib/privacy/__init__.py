"""Privacy: nothing is kept of who was erased, and nothing of what was unsent.

``erasure`` erases a friend and has every keeper forget; ``service`` takes unsent messages off the
timeline and out of the ledger. Which room keeps what of a friend is one
list (``erasure.KEEPERS``, docs/privacy.md).
"""
