"""The catalog: authored documents, their revisions, optimistic locking, bundles.

A save writes the new bodies first (immutable items) and then moves one pointer item, the account's
``#revision``: all of a save is in force, or none of it. The room knows nothing of what a rule or a
scenario means: each kind's model and checks come from the room that owns the kind.
"""
