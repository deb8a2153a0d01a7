"""Broadcasts: one message, or variants of it, to everybody whom a condition means, once.

A run goes through these stages; the picture of them is the state machine ``broadcast``:

1. **Plan**: the document is frozen, each shard's friends are judged slice by slice, and when every shard
   is done the slices are packed into chunks: a pure function, so that whoever packs, packs the same.
2. **Check**: is an approval needed, does LINE's quota hold?
3. **Release**: the chunks are fed to the send worker.
4. **Settle**: every chunk has come to its end; the numbers balance.

The machine remembers nothing: each of its states asks, by a message with a token, that a step be carried
out, and asks again without end. What is true is in the tables, so a lost execution is replaced by
another one from the top. ``watch`` entries and ``resume_open_runs`` see to it that somebody does.

Downsides: a broadcast is planned before its first message goes out (seconds for thousands of
friends, a minute or two for a million), and who starts or stops to fulfil the condition meanwhile is not
judged again. The room never calls LINE for messages; ``deliveries`` does.
"""
