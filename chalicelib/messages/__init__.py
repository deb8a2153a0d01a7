"""Message documents: what may be sent, checked by LINE's rules and made personal for one friend.

A document passes the room in this order:

    template    finds ``{{ ... }}`` in the strings of the raw LINE objects; a small language, no code
    variables   what each name stands for on a fact sheet, and what it refers to in the catalog
    filters     default, date, number, truncate ...: a value in, a value out
    checks      LINE's limits for every message type, with paths; also what a variable may overflow
    documents   the kind ``messages`` of the catalog: shape, references, checks
    render      the objects for one friend at one instant, or ``Unrenderable`` with the reason
    links       the address behind ``{{ link("...") }}``
    preview     rendered objects and warnings for a person to look at

It never sends anything (``deliveries`` does) and never runs anything that an author wrote.
"""
