"""Routes: the ways by which friends come (a QR code, a page), as documents, and what comes of who comes.

    addresses     where a route's address leads: LIFF, LINE Login, or the account's profile at LINE
    endpoints     ``GET /q/{account}/{route}``
    liff_places   whoever LINE has signed in has entered a route
    touches       which follow belongs to which touch (pure; ``tests/model/test_touches.py``)
    waiting       a touch for which no follow came
    qr, api       a route's QR code

What a route does (``then``) the reaction carries out, as a rule's.
"""
