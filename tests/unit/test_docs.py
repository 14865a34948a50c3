"""The docs site holds every page, every command and every setting, and no link leads nowhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from logicnet.cli.commands import GROUPS
from logicnet.config import table
from scripts.docs_pages import API, CODE, FROM_FILES, LINK, exported, pages, with_links

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
WRITTEN = sorted([*FROM_FILES.values(), *(f"docs/{page.name}" for page in DOCS.glob("*.md"))])


def in_nav(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        yield from (page for part in nav.values() for page in in_nav(part))
    elif isinstance(nav, list):
        yield from (page for part in nav for page in in_nav(part))


def test_every_page_is_in_the_navigation_once():
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    assert sorted(in_nav(config["nav"])) == sorted([*(page.name for page in DOCS.glob("*.md")), *pages()])


@pytest.mark.parametrize("file", WRITTEN)
def test_relative_links_lead_to_files(file):
    text = CODE.sub("", (ROOT / file).read_text())
    targets = [match[1] for match in LINK.finditer(text)]
    assert [target for target in targets if not (ROOT / file).parent.joinpath(target).exists()] == []


def test_every_command_is_in_the_reference():
    text = pages()["reference/commands.md"]
    for command in (command for group in GROUPS.values() for command in group):
        assert f"### logicnet {command.__name__}\n" in text
    for group in ("challenges", "tune", "volume"):
        assert f"### logicnet {group} " in text
    assert "| `--concurrency` | Questions that a solver is given at once. | `4` |" in text


def test_every_setting_is_in_the_reference():
    text = pages()["reference/settings.md"]
    for setting in table().values():
        assert f"| `{setting.flag}`<br>`{setting.variable}`" in text
    assert "8091" in text


def test_every_exported_name_is_in_the_reference_once():
    text = "".join(pages().values())
    for module in API:
        for name in exported(module):
            assert len(re.findall(rf"^::: .*\.{name}$", text, re.MULTILINE)) == 1, name


@pytest.mark.parametrize(
    ("file", "page", "text", "there"),
    [
        ("README.md", "index.md", "[a](docs/bench.md#peers)", "[a](bench.md#peers)"),
        ("README.md", "index.md", "[a](CONTRIBUTING.md)", "[a](project/contributing.md)"),
        ("README.md", "index.md", "![a](docs/b.png)", "![a](b.png)"),
        ("benchmarks/README.md", "project/benchmarks.md", "[a](../docs/b.md)", "[a](../b.md)"),
        ("docs/b.md", "b.md", "[a](../benchmarks/README.md)", "[a](project/benchmarks.md)"),
        ("docs/b.md", "b.md", "[recipes/a.toml](../recipes/a.toml)", "recipes/a.toml"),
        ("docs/b.md", "b.md", "[a](https://c.org) [d](#e)", "[a](https://c.org) [d](#e)"),
    ],
)
def test_links_are_made_to_fit_the_site(file, page, text, there):
    assert with_links(text, file, page) == there
