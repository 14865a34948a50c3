"""Tables for a terminal, CSV and JSONL for programs, and one HTML page of a run."""
