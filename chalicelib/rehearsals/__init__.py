"""Rehearsals: what rules and scenarios would do, tried without doing anything.

``dry_run`` judges one event by the rules, drafts among them; ``simulation`` takes friends through a scenario
under a simulated clock. Both ask the functions that decide in earnest; what queues, timers and tables do then
is a heap here. The room reads, and writes, sends and claims nothing; LINE is asked for nothing but the quota.
"""
