"""An MCP server beside Todoku: assistants read, count, explain, rehearse and draft. A person sends.

It is a program of its own on somebody's machine, speaks to the public HTTP API with an editor's key, and
imports nothing of the other rooms. There is no tool that sends, publishes, schedules or enables, and the key
could not: rights follow effects, on the server.
"""
