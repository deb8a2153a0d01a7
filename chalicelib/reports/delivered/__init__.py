"""What was sent and what came of it: ``effect_lines`` of rules, replies and schedules, out of lines;
``outcomes`` what followed; ``deliveries`` both, beside the ledger's numbers of broadcasts and scenarios.
"""
