"""The reaction: one event, one fact sheet and the account's rules become changes and effects.

    decide      pure: (event, sheet, program, now) -> the sheet after, what changed, what is to be done
    service     the protocol around it: read friend, read activity, decide, one write, effects, activity
    effects     replies, sends, scenario moves and calls to other systems, each safe to repeat
    workers     the queues' handlers

The sheet is written once, with the decision beside it (``pending``), before anything leaves the house; the
activity is written last. Whatever crashes in between is finished by the redelivered event or by the
friend's next one, from the stored decision, so a rule is never judged twice. The price: a reply whose
outcome is not known is not repeated (LINE gives replies no retry key), and a friend's events wait for one
another.
"""
