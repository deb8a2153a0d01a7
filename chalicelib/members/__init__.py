"""Members: the company's own customers, and which friends they are.

A member has a rank and attributes, which are on the sheet of every friend who is linked, and follow every
change. A friend has one member, a member at most ten friends.

    store        a member with the places of their friends; of each friend one link
    service      put, link, unlink, delete: whatever races and crashes, sheets end as the tables are
    kept_events  what was reported of a member: brought to each of their friends, also to who links later
    state        a member on a friend's sheet (pure)
    nonces       LINE's account link: who comes back with the nonce is the member
    api          ``/members``

The truth is the link; a place only says where a member's friends are looked for. Both have numbers that are
never used twice, and what is reported to a sheet holds the versions of the link and of the member: any order
is right (``tests/model/test_members.py``). This room reacts to nothing: what a link causes comes through the
inbox.
"""
