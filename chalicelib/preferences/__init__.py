"""The friend's own page: what they get, whom they are linked with, and what is kept of them.

``GET /p/{account}?t=`` shows it, ``POST /p/{account}`` changes it. A change of topics is an event like any
other: it says who, when, by what and in which words, and rules hear of it.
"""
