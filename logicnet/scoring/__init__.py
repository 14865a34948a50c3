"""The validator's side: what an answer earns, from its correctness to its weight on the chain."""
