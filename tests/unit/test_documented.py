"""docs/documented.md: every documented word is where the page says."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from pydantic.fields import FieldInfo

from logicnet.cli.commands import app
from logicnet.config import table
from logicnet.settings import Known, Settings
from logicnet.tuning import service

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "documented.md"

FLAG = re.compile(r"--[A-Za-z][\w.-]*")
VARIABLE = re.compile(r"`([A-Z][A-Z_]{5,})`")
ENDPOINT = re.compile(r"`(GET|POST) (/[^`]*)`")


@dataclass(frozen=True)
class Line:
    """A row of the page."""

    words: str
    command: str
    where: str


def lines() -> Iterator[Line]:
    for line in PAGE.read_text().splitlines():
        if line.startswith("|") and not line.startswith(("| word", "| fault", "|---")):
            words, _, command, where = (one.strip() for one in line.strip("|").split("|"))
            yield Line(words, command.strip("`"), where.strip("`"))


LINES = list(lines())
FLAGS = [(line.command, flag) for line in LINES for flag in FLAG.findall(line.words)]


def taken_by(command: str) -> set[str]:
    """The flags of a command: its own, and the settings if it takes words that it does not know."""
    found = typer.main.get_command(app)
    for word in shlex.split(command):
        found = found.commands[word]
    own = {name for one in found.params for name in (*one.opts, *one.secondary_opts)}
    more = found.context_settings.get("allow_extra_args", False)
    return own | ({f"--{name}" for name in table()} if more else set())


def known(model: type = Settings) -> Iterator[str]:
    """Variables of other programs that the settings read."""
    for field in model.model_fields.values():
        assert isinstance(field, FieldInfo)
        yield from (one.variable for one in field.metadata if isinstance(one, Known))
        if hasattr(field.annotation, "model_fields"):
            yield from known(field.annotation)


def test_the_page_has_all_documents():
    text = PAGE.read_text()
    assert len(FLAGS) > 45
    titles = ("competition miner", "tuning subnet", "G.O.D. miner", "Tournaments", "MTUP", "programs fail")
    for title in titles:
        assert title in text


@pytest.mark.parametrize(("command", "flag"), FLAGS)
def test_a_documented_flag_is_taken(command, flag):
    assert flag in taken_by(command)


def test_documented_variables_are_read():
    named = {one for line in LINES for one in VARIABLE.findall(line.words)}
    assert {"HF_ACCESS_TOKEN", "HUGGINGFACE_TOKEN", "WANDB_API_KEY", "MAX_TEXT_TASK_HOURS"} <= named
    assert named <= set(known())


def test_documented_endpoints_are_served():
    named = {one for line in LINES for one in ENDPOINT.findall(line.words)}
    assert ("POST", "/train/") in named
    source = Path(service.__file__).read_text()
    served = {(method.upper(), path) for method, path in re.findall(r'@app\.(get|post)\("([^"]+)"', source)}
    assert named <= served


@pytest.mark.parametrize("where", sorted({line.where for line in LINES}))
def test_where_a_word_is_said_to_be_there_is_a_file_or_a_test(where):
    file, _, test = where.partition("::")
    assert (ROOT / file).is_file()
    assert not test or f"def {test}(" in (ROOT / file).read_text()
