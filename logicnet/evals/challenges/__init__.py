"""Where questions come from: sources, recipes that mix them, and sets that are the same everywhere."""
