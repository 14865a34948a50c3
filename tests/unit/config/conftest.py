from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from logicnet.config import Config, read

Reads = Callable[..., Config]


@pytest.fixture
def reads(tmp_path: Path) -> Reads:
    """`read` with only what is given: flags, an environment, the text of a `.env`."""

    def call(*argv: str, environ: dict[str, str] | None = None, env: str | bytes | None = None) -> Config:
        file = tmp_path / ".env"
        if env is not None:
            file.write_bytes(env if isinstance(env, bytes) else env.encode())
        return read(argv, environ or {}, file)

    return call
