"""What became of each question of a form: shown, answered, passed over, or the last before somebody left.

In the chat the reaction notes it with the event that puts or answers a question; on the web the pages do.
"""
