"""Todoku: LINE Official Account marketing in the owner's own AWS account.

One package per capability ("room"). Imports only point down this list:

    webhook, intake, api, heartbeat   the doors: HTTP, queues of the outside world, schedules
    engine                            one event + one fact sheet + the rules -> changes and effects
    broadcasts, scenarios             who gets which message when
    segments                          the condition language and audience reading
    deliveries                        the ledger and the only way to LINE for messages
    timers                            due minutes and watches
    messages                          message documents: checked, rendered
    friends                           the fact sheet and the timeline
    catalog                           authored documents and their revisions
    accounts                          LINE accounts, API keys, roles, audit
    gateways                          doors out: AWS, LINE, the clock
    shared                            ids, errors, settings, HTTP shapes; imports nothing of ours

``local`` is the laptop platform: it imports the rooms, no room imports it.
"""
