"""The whole platform on a laptop: emulated AWS, a simulated LINE, pollers and schedules, one command.

It discovers queues, schedules and routes from the Chalice app and creates resources from ``infra/``, so
that laptop and cloud cannot drift. No other room imports it.
"""
