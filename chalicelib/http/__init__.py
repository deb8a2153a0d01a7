"""HTTP as every route speaks it: bodies and their budget, queries, pages, languages, answers."""
