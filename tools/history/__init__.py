"""Years of runs: one columnar store made of run files, its trends, and where they changed."""
