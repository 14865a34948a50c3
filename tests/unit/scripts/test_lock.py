"""requirements/miner.txt holds each package that a miner runs on: one version, in its range, with hashes."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements" / "miner.txt").read_text()


def locked() -> dict[str, tuple[str, str]]:
    """The version and the rest of each entry."""
    entries = re.split(r"^(?=[a-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    found = [re.match(r"([a-z0-9-]+)==(\S+)(.*)", entry, re.DOTALL) for entry in entries]
    assert all(found)
    return {match[1]: (match[2], match[3]) for match in found if match}


@pytest.mark.parametrize("need", PROJECT["project"]["dependencies"] + PROJECT["build-system"]["requires"])
def test_what_the_project_needs_is_locked_in_its_range(need):
    requirement = Requirement(need)
    version, _ = locked().get(requirement.name, ("no version", ""))
    assert version in requirement.specifier, f"{need} is locked at {version}: make lock"


def test_each_has_its_hashes():
    for name, (_, rest) in locked().items():
        assert "--hash=sha256:" in rest, name


def test_no_index_is_named():
    assert "://" not in LOCK
    assert "--index-url" not in LOCK
