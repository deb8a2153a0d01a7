"""LINE's rules for what a request may hold, and the words in which LINE refuses.

``messages`` is the entry; ``actions``, ``templates``, ``flex`` and ``richmenus`` are its parts. Everything
is pure: JSON in, a list of details out. Limits: https://developers.line.biz/en/reference/messaging-api/.
"""
