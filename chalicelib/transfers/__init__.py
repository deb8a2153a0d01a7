"""Transfers: friends in and out by the file, as CSV that spreadsheets and Japanese Excel write and read.

An import is kept, cut into chunks of lines on ``bulk`` and folded into sheets line by line; an export is
written shard by shard and joined. Whatever is done twice changes nothing the second time.
"""
