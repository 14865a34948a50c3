"""Where questions come from. So far: the easy ones of mathgenerator."""

from logicnet.challenges.mathgenerator import Task, easy_tasks

__all__ = ["Task", "easy_tasks"]
