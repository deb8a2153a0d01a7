"""The web console: its files as they were built, and its sessions.

The console itself is in ``console/`` (TypeScript) and speaks to the public API as any other program does.
``make setup`` and ``make package`` build it into ``dist/`` here. This room serves those files and never reads
or changes anything of an account.
"""
