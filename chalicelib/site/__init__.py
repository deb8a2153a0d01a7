"""The account's own sites: a tag that reports what visitors look at, put in a cart and order.

Anybody can send what the tag sends. So ``model`` bounds it, ``service`` knows a friend only by a token or an
ID token, in one browser, and a browser's order is a conversion, never a purchase by itself. ``patterns``
says which pages count. What strangers do is kept for 30 days (``store``), and given to the friend who they
turn out to be (``visits``; ``tests/model/test_visits.py``). It decides nothing: the reaction does.
"""
