"""A vLLM that is started from a plan, watched, and restarted when it is stuck. See docs/supervisor.md."""
