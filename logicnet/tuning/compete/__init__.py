"""Competitions for models: rules, publishing on Hugging Face, commitments on the chain."""
"""Competitions of models: what is submitted where, and by which rules."""
