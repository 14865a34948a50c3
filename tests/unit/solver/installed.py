"""Packages as pip leaves them: modules and a `.dist-info`, on a path that is searched."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest


def install(files: dict[str, str], site: Path, patch: pytest.MonkeyPatch) -> None:
    """Lay out a package given as name -> text, `pyproject.toml` among them, in `site`."""
    project = tomllib.loads(files["pyproject.toml"])["project"]
    folder = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    (folder / "entry_points.txt").write_text(
        "\n".join(
            line
            for group, entries in project["entry-points"].items()
            for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
        )
    )
    for name, text in files.items():
        if name.endswith(".py"):
            (site / name).write_text(text)
    patch.syspath_prepend(str(site))
