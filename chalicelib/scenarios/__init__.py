"""Step scenarios: a published graph of nodes, and where each friend stands in it.

A friend's enrollment is one item with a version that never restarts. A due pointer names a version; the
advance worker loads hundreds of friends at once, decides by the published definition of the moment,
claims what it is about to send, writes the chunk, arms the next pointer and only then moves the friend on.
Whatever is delivered twice finds the version moved, or the claim of the first, and never sends again.

The room decides who is due and what comes next. It never talks to LINE (that is ``deliveries``) and never
waits (that is ``timers``); what a step must cause in the engine goes through the inbox.

A rehearsal plays the same decisions under a simulated clock (``simulation``), with the engine's handed in.
"""
