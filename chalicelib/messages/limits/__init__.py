"""LINE's limits for message objects, one file per family, as functions that look at a ``Node``.

https://developers.line.biz/en/reference/messaging-api/#message-objects

Unknown properties pass, because LINE adds properties without notice and the raw JSON is sent as written.
Unknown types are refused, because nothing can be promised about them. The format of addresses and texts is
checked; whether an image exists or a sticker may be sent is not.
"""
