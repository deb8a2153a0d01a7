"""Accounts: LINE accounts (channels), API keys and roles, idempotency, the audit log.

Secrets go to the secret store and are never answered. This room never looks at friends or documents.
"""
