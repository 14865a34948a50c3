"""The race solver: several lines of attack at once, stopped when going on is worth less than it costs."""
