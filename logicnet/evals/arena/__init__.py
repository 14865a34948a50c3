"""A validator on this machine: asks running miners, scores what they reply, and ranks them."""
