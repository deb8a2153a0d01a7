"""LIFF: pages inside LINE. LINE says who has signed in, and a place of a room says where they go on.

One LIFF app per account, whose endpoint is ``<public URL>/liff/<account>``; what follows it in a LIFF
address is a place of the table (``places``): ``https://liff.line.me/<LIFF id>/q/poster``.

    places     the table of places, and what a visit is
    entry      an ID token and a path: who it is, and where they go on
    login      the same by LINE Login, for accounts without a LIFF app
    id_tokens  who has signed in
    pages      the one static page
    web        how browsers are answered
    api        ``/liff/{account}``, ``/login/{account}``

A user id that a page sends is never looked at. This room knows no place by name.
"""
