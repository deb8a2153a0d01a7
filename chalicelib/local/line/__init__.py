"""A LINE for the laptop: the Messaging API, the webhooks, and phones on which a person plays friends.

A request to the API passes, in this order, the checks that LINE's own requests pass: the bearer token, the
rate limit, the switchable faults, the retry-key memory, the validation, the quota; what is accepted is
written to SQLite in one transaction with its retry key, so that a kill at any time leaves LINE either
having accepted a request or knowing nothing of it. What a friend does goes the other way, as a signed
webhook. The phone page at ``/`` shows both, and ``/_sim`` has the endpoints for tests and stories.

It runs as its own process (``python -m chalicelib.local.line``) and imports no room but ``shared`` and
``gateways``: it must not be able to know what Todoku thinks. It does not check image sizes behind URLs,
sticker ids, audiences' contents or anything else that only LINE can know.
"""
