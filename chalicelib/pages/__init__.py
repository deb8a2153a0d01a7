"""Pages that friends see on their phones: one look, two languages, no script.

``page`` makes an answer of a template: words by the reader's language, everything escaped, headers that let
nothing run. ``visits`` says who has opened it: by the account's own token, never by a bare user id. What a
page is about is its room's to say (``preferences``).
"""
