"""Competitions for models: rules, publishing on Hugging Face, commitments on the chain."""
