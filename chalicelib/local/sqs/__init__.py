"""SQS on a laptop: queues as AWS keeps their order and their visibility, in files that survive a stop."""
