"""The timeline: what happened to each friend, one activity per event, listed by time.

``service`` keeps activities, ``reading`` lists them, ``sent_once`` has what many were sent alike; ``unsend``
says what may be kept when a message was taken back. The room knows no fact sheets: it is given whose activity
it is and what is in it.
"""
