"""The checks, a module each, registered in `runner.CHECKS`."""
