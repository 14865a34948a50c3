from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from logicnet.errors import SettingsError
from logicnet.evals.report import page as module
from logicnet.evals.report.summary import confusions, splits
from logicnet.evals.report.write import run
from logicnet.evals.runs.run import read_run
from tests.unit.evals.report.runs import HOSTILE, mixed, row, write_run


@pytest.fixture(scope="module")
def text(tmp_path_factory) -> str:
    """The page of a run with hostile answers, the real drawing library in it."""
    words = dict.fromkeys(
        ("question", "answer", "reasoning", "reference", "ground_truth", "kind", "error", "note"), HOSTILE
    )
    worst = row(f"peer{HOSTILE}", 0, reward=0.1, correctness=1.0, **words)
    folder = write_run(tmp_path_factory.mktemp("run"), [*mixed(), worst], challenges=HOSTILE)
    return module.page(read_run(folder))


@pytest.fixture
def light(monkeypatch):
    """Without ECharts, a megabyte."""
    monkeypatch.setattr(module, "_library", lambda: "/* library */")


class _Reader(HTMLParser):
    """The page as a browser's parser sees it: its tags, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.thorough
def test_it_is_one_page_that_fetches_nothing(text):
    assert len(text) < 5_000_000
    head = text.partition("</head>")[0]
    assert "default-src 'none'" in head
    assert not re.search(r"@import|url\(", head)
    read = _Reader(text)
    assert [tag for tag in read.tags if {"src", "href", "srcset", "action"} & tag[1].keys()] == []


def test_what_strangers_wrote_is_text(text):
    read = _Reader(text)
    assert [tag for tag, _ in read.tags].count("script") == 2  # ours
    assert "img" not in {tag for tag, _ in read.tags}
    assert "".join(read.texts).count(HOSTILE) >= 12  # in a title, tables, a legend, a list, an article


def test_the_data_of_the_charts_is_json(text):
    found = re.search(r'<script type="application/json" id="charts">(.*?)</script>', text, re.DOTALL)
    drawn = json.loads(found[1])
    assert set(drawn) == {"reward", "correctness-seconds", "kinds", "deadline"}
    assert all(f'<figure id="{name}"' in text for name in drawn)
    names = {point["name"] for one in drawn["deadline"]["series"] for point in one["data"]}
    assert any("</script>" in name for name in names)


def test_the_ten_worst_are_there_in_full(light, tmp_path):
    long = "step " * 5_000
    rows = [row(number=n, reward=0.9) for n in range(20)] + [row(number=99, reward=0.1, reasoning=long)]
    text = module.page(read_run(write_run(tmp_path, rows)))
    assert text.count("<article>") == 10
    assert long in text
    assert "The 10 worst answers" in text


def test_formulas_are_drawn_and_kept_as_they_were_written(light, tmp_path):
    formula = r"Is $\frac{1}{2} < x$?"
    text = module.page(read_run(write_run(tmp_path, [row(question=formula, answer="1 < 2")])))
    assert text.count("<mfrac>") == 1
    assert f"<summary>as written</summary><pre>{formula.replace('<', '&lt;')}</pre>" in text
    assert "<pre>1 &lt; 2</pre>" in text and text.count("as written") == 1


def test_it_says_how_the_run_was_made_and_nothing_secret(light, tmp_path):
    folder = write_run(
        tmp_path,
        [row()],
        endpoint={"url": "http://127.0.0.1:1/v1", "model": "m"},
        truth=True,
        stakes={"a": 1},
    )
    facts = dict(module.facts(read_run(folder)))
    assert facts["endpoint"] == "http://127.0.0.1:1/v1, m"
    assert facts["deadline"] == "64 s"
    assert facts["truth"] == "yes"
    assert "stakes" not in facts


def test_a_run_with_nothing_known_still_has_a_page(light, tmp_path):
    silent = row(answer=None, process_time=None, correctness=None, true=None, similarity=None, reward=None)
    text = module.page(read_run(write_run(tmp_path, [silent])))
    assert "No data for this chart." in text


def test_disagreements_are_written_out_up_to_a_number(light, tmp_path):
    rows = [row(number=n, correctness=1.0) for n in range(module.MOST_PARTED + 3)]
    text = module.page(read_run(write_run(tmp_path, rows)))
    assert text.count('class="note parted"') == module.MOST_PARTED
    assert "and 3 more, in the rows" in text


def test_the_command_writes_all_of_it(light, tmp_path, capsys):
    folder = write_run(tmp_path / "run", mixed(12))
    run(folder)
    assert {path.name for path in folder.iterdir()} == {"run.json", "rows.jsonl", "rows.csv", "report.html"}
    out = tmp_path / "deep" / "elsewhere"
    run(folder, out)
    assert {path.name for path in out.iterdir()} == {"rows.jsonl", "rows.csv", "report.html"}
    assert (out / "rows.jsonl").read_text() == (folder / "rows.jsonl").read_text()
    said = capsys.readouterr().out
    assert str(out / "report.html") in said
    assert "direct - race" in said


def test_a_folder_that_cannot_be_written_is_an_error_in_one_line(light, tmp_path):
    folder = write_run(tmp_path / "run", [row()])
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot write to"):
        run(folder, tmp_path / "file")


@pytest.mark.parametrize("missing", ["nicegui", "jinja2"])
def test_what_is_not_installed_is_named(monkeypatch, missing):
    found = module.importlib.util.find_spec
    monkeypatch.setattr(
        module.importlib.util, "find_spec", lambda name: None if name == missing else found(name)
    )
    with pytest.raises(SettingsError, match=r"logicnet\[bench\]"):
        module.require()


def test_computed_answers_and_the_models_are_reported_apart(light, tmp_path):
    exact = {"kind": "sum", "chosen": "number:7", "lanes": [{"lane": "exact", "key": "number:7"}]}
    voted = {"kind": "story", "chosen": "number:7", "lanes": [{"lane": "reason", "key": "number:7"}]}
    rows = [row(number=n, true=n < 3, trail=exact if n < 4 else voted) for n in range(10)]
    assert [(one.origin, one.count, one.truth.mean) for one in splits(rows, ["direct"])] == [
        ("computed", 4, 0.75),
        ("model", 6, 0.0),
    ]
    text = module.page(read_run(write_run(tmp_path, rows)))
    assert "Computed, and left to the model" in text
    assert splits([row()], ["direct"]) == []  # no vote log: not known


def test_validator_and_truth_are_counted_against_each_other():
    rows = [row(number=0, correctness=1.0, true=False), row(number=1, correctness=None, true=True)]
    assert [one.rows for one in confusions(rows, ["direct"])] == [
        [("right", [0, 1, 0]), ("wrong", [0, 0, 0]), ("undecided", [1, 0, 0])]
    ]


def test_a_nicegui_without_readable_echarts_is_one_line(monkeypatch):
    monkeypatch.setattr(module, "_text", lambda file: "export{}")
    with pytest.raises(SettingsError, match="nicegui"):
        module._library()
