"""What may happen to a friend: the table of event types, declared by the rooms that make them, and how events
are matched. Reacts to nothing, and knows no type by name.
"""
