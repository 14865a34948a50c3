"""`.env` and `ecosystem.config.js` for this machine, from five answers."""
