"""From a dataset as somebody wrote it to the rows that a trainer takes."""
