"""Logging is the process's own: a test that sets it up puts it back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from loguru import logger


@contextmanager
def logging_put_back() -> Iterator[None]:
    """The standard library's logging and the threads' hook as they were; loguru without sinks."""
    handlers, level, hook = logging.root.handlers, logging.root.level, threading.excepthook
    try:
        yield
    finally:
        logger.remove()
        logging.captureWarnings(False)
        logging.root.handlers, threading.excepthook = handlers, hook
        logging.root.setLevel(level)
