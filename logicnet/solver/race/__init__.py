"""The race solver: several samples at once, stopped when waiting costs more than it gains."""
