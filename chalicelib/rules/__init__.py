"""Rules: when something happens to a friend, if a condition holds, then do this.

``documents`` says what a rule may say, ``compile`` makes a program of all rules once per catalog revision,
``limits`` says when one may run, ``health`` how they fare, ``reach`` which of them may reach friends. What
one event comes to is decided in ``reaction``. The room sends nothing and changes no friend.
"""
