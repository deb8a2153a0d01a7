"""Todoku: LINE Official Account marketing in the owner's own AWS account.

One package per capability ("room"). Imports only point down this list:

    ops                               an operator's commands
    site                              the site tag, and what visitors do
    webhook, intake, api, heartbeat   endpoints: HTTP, queues of the outside world, schedules
    console                           the web console's files, and its sessions
    preferences                       the friend's own page: topics, the link, what is kept
    webforms                          forms on the web: pages, answers on their way
    rehearsals                        rules and scenarios tried, without doing anything
    reaction                          one event + one fact sheet + the rules -> changes and effects
    privacy                           erasure and unsend: nothing is kept that must go
    schedules                         at a local time, an audience, each friend once
    rules                             rule documents, compiled; their limits and health
    reports                           what worked: numbers of friends, deliveries, customers
    richmenus                         menus below a chat: published, who sees which
    media                             files for messages, at addresses of their own
    broadcasts, scenarios             who gets which message when
    bulk_actions                      the same actions for many friends
    enrollments                       where each friend is in a scenario, and moving on
    reservations                      what is reported of reservations
    transfers                         CSV in and out
    conversations                     the chat: what was said, contents, staff
    outgoing                          calls to other systems
    forms                             questions in the chat
    audiences                         segments handed to LINE, and LINE's own lists of friends
    segments                          named conditions, audience reading, counts
    deliveries                        the ledger and the only way to LINE for messages
    timers                            due minutes and watches
    routes, topics                    the ways by which friends come, what they may switch off
    members                           members, and which of them is which friend
    messages                          message documents: checked, rendered
    links, coupons                    tracked links and their clicks; coupons made at LINE
    conditions                        the condition language
    mirror                            fact sheets in columns, for questions about many
    friends                           fact sheets: kept, edited, shown
    liff                              pages inside LINE: who has signed in, and where they go on
    pages                             how friends' pages look, and who has opened one
    sheets                            the fact sheet as a value
    timeline                          what happened to each friend
    jobs                              work in the background
    actions                           what actions and effects are, for every room
    events                            the table of event types, declared by the rooms that make them
    catalog                           authored documents and their revisions
    accounts                          LINE accounts, API keys, roles, audit
    gateways                          the ways out: AWS, LINE, the clock
    http                              bodies, queries, pages, answers
    shared                            ids, errors, settings, texts; imports nothing of ours

``local`` is the laptop platform: it imports the rooms, no room imports it. ``mcp`` is a program of its own
that speaks to the API; it imports no room, and no room imports it.
"""
