"""A computed answer, and the steps to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Solution:
    """`answer` as it is sent; `steps` tell the calculation in two to six plain sentences."""

    answer: str
    steps: str
