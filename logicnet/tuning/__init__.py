"""Training: jobs in, trained and evaluated models out.

The control room (everything but `train/`) imports no torch. `train/` runs in an environment of its own,
`.venv-tune`, as a child process: `job.json` goes in, `events.jsonl` and `result.json` come out.
"""
