"""The endpoint that LINE calls.

``front.receive`` checks the signature over the raw bytes, ``parse.parse`` turns the body into FriendEvents,
``gateways.inbox`` keeps them, and only then LINE hears 200. It reads no table, runs no rule and never uses
the SDK's parser (which loses events it does not know); its Lambda loads neither the SDK nor PynamoDB.
"""
