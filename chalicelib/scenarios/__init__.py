"""Step scenarios as their authors see them: a graph of nodes, checked when saved, put in force in one commit.

Who is where in it, and moves on, is ``enrollments``. A rehearsal plays the same decisions under a
simulated clock (``rehearsals/simulation``), with the reaction's handed in.
"""
