"""Deliveries: runs, the ledger and the only way to LINE for messages.

A delivery reaches LINE in these stages, each one durable before the next begins:

1. ``service.put_chunk`` reserves the caps, writes the manifest (who gets what), then the status, then a
   watch, and only then a queue message.
2. ``send.send_now``, the worker's body, reads status and run control, asks ``policies`` whether now is a
   good time, marks the attempt and the lease, and makes one call per payload with a retry key that is a
   function of the names in the ledger.
3. ``decide.read_answer`` says what LINE's answer means; the status follows by condition. 200 and 409 are
   final. A refusal is final only if no other attempt may still be accepted.

Whatever crashes, a chunk is fed again by its queue message, its own watch, or its run's watch, and goes
out with the same key and the same body, so that LINE itself drops the second copy. Downsides: a
chunk whose first unanswered attempt is older than 20 hours is left ``unknown`` rather than risked twice;
LINE names no recipients for a multicast, so "accepted" says that LINE took the request, not that every
phone rang.

The room never decides who is to get a message, and never imports the rooms that do.
"""
