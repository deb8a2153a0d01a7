"""The mirror: an account's fact sheets in columns, for questions about many friends at once.

A **snapshot** (Parquet files in the object store) holds every friend as of some version, and that version's
mark (``friends.marks``). A question takes from it whoever has not changed since, and judges the sheets of
those who have by the ordinary predicate: so its answer is exact. ``columns`` says what is kept of a sheet and
how, ``sql`` how conditions ask for it, ``compaction`` makes the next snapshot, ``local_copy`` holds one on
this machine's disk, ``reader`` answers. Where DuckDB is not installed there is no mirror, and everybody reads
the table as before.

The tables stay the truth: nothing is ever decided from here, sent from here, or written to a sheet from here.
"""
