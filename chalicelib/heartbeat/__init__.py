"""What keeps time moving: the commands of the ``minute`` machine, the sweep of every minute, recovery.

The place where timers meet the owners of what is due: timers ask "has the owner moved past this?" without
knowing any of them. Decides nothing itself.
"""
