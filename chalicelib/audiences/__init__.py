"""Audiences at LINE: made from our segments, kept in step, and shown with those that LINE's own tools made.

A **segment** is ours: a condition about friends. An **audience** is LINE's: a list that LINE keeps and that
narrowcasts name. This room uploads the one as the other. LINE can add to an audience and cannot take anybody
out, so keeping one in step is making another in its place.

This room never sends, and keeps no friend's id: those are read from the fact sheets and handed to LINE.
"""
