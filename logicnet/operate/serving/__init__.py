"""Which model fits on which GPUs, and the flags to start vLLM with. See docs/models.md."""
