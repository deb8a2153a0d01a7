"""Conversations: what was written in the chat, files sent there, and staff who speak in it.

``service`` reads a friend's conversation off the timeline and puts what staff say in the inbox; ``contents``
keeps pictures, videos and files because LINE forgets them; ``overheard`` keeps what is written where the
account only listens: groups, rooms and edits. The room sends nothing: the reaction does.
"""
