"""What an operator does to a whole stage from the command line: ``python -m chalicelib.ops``.

Works on the tables by the rooms' own services, with the operator's AWS credentials. Nothing here answers
friends.
"""
