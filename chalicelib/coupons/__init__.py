"""Coupons: described as documents, made at LINE when they are published, closed when they shall end early.

``documents`` says what one is, ``request`` what LINE is asked to make of it, ``publishing`` has it made once,
``closing`` ends it. ``published-coupons`` in the catalog says which coupon of LINE's a document has become;
messages name the document (``{{ coupon("spring") }}``). Who has got or used one, LINE's manager alone knows.
"""
