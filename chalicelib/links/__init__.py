"""Tracked links: addresses of ours that lead to registered URLs, and report who opened them.

``service`` makes and reads addresses, ``api`` opens them, ``same_click`` says when opening one again is the
same click, ``clicks`` counts the friends of a delivery who clicked. What a click causes is the reaction's.
"""
