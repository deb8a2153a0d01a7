"""Where each friend is in a scenario, and the next step.

A friend's enrollment is one item with a version that never restarts. A due pointer names a version; the
advance worker loads hundreds of friends at once, decides by the current published definition,
claims what it is about to send, writes the chunk, arms the next pointer and only then moves the friend on.
Whatever is delivered twice finds the version moved, or the claim of the first, and never sends again.

The room decides who is due and what comes next, by the ``published`` document alone: who writes one is
``scenarios``. It never talks to LINE (that is ``deliveries``) and never waits (that is ``timers``); what a
step must cause in the reaction goes through the inbox.
"""
