"""Solvers side by side: the same questions, the same models, each alone on the server while it is timed."""
