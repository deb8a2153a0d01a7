"""Pictures, videos and sounds that staff put into messages, at addresses that LINE and phones can read.

A file is read, checked against LINE's limits, given a preview, and kept under ``media/<account>/<id>/``; its
address never changes and asks for no key. What nothing names any more goes after a while (``tidying``). What
friends sent is another matter: ``conversations/contents.py``.
"""
