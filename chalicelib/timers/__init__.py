"""Due entries and watches: what must be looked at again at a certain second, for any room.

An entry is one small item in the partition of its due minute. Each due minute has one bucket
(OPEN, SEALED, DRAINED, VERIFIED) and at most one Step Functions execution, which drains the minute's
entries to their queues with the right delay and verifies three minutes later that every owner has moved
on. A sweeper walks the same road every minute, so that a lost execution costs seconds and never a step.

The room never knows what an entry means: owners version their entries and drop what is stale, so that
feeding twice is always harmless. It never moves an owner forward and never talks to LINE.
"""
