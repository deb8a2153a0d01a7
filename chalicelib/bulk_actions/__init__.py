"""The same actions for many friends, asked for by staff: a job puts one event per friend in the inbox."""
