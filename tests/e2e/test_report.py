"""The report as a reader sees it: opened by a real browser, every picture drawn, on a phone too."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT
from tests.unit.evals.report.runs import HOSTILE, mixed, row, write_run

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHARTS = ("reward", "correctness-seconds", "kinds", "deadline")


@pytest.fixture(scope="session")
def browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail("no Chromium on the PATH: `make test` sets it up", pytrace=False)
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `logicnet report` writes for a run with hostile answers in it."""
    worst = row("direct", 24, question=HOSTILE, answer=HOSTILE, reasoning=HOSTILE, reward=0.0)
    rows = [*mixed(), worst]
    folder = write_run(tmp_path_factory.mktemp("report") / "run", rows, solvers=["direct", "race"])
    done = subprocess.run(
        [sys.executable, "-m", "logicnet", "report", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "direct - race" in done.stdout
    return folder / "report.html"


def opened(browser: str, page: Path, folder: Path) -> str:
    """The page's HTML after its scripts have run, without any network."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    flags += ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'profile'}"]
    flags += ["--virtual-time-budget=20000", "--window-size=1000,900", "--dump-dom"]
    done = subprocess.run(
        [browser, *flags, page.as_uri()], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def drawn(dom: str, name: str) -> dict[str, int]:
    """How many shapes of each fill the SVG of a chart has."""
    figure = re.search(rf'<figure id="{name}"[^>]*>(.*?)</figure>', dom, re.DOTALL)
    assert figure, f"no place for {name}"
    svg = re.search(r'<svg[^>]* width="([\d.]+)" height="([\d.]+)".*?</svg>', figure[1], re.DOTALL)
    assert svg, f"{name} is not drawn: {figure[1][:300]}"
    assert float(svg[1]) > 200
    assert float(svg[2]) > 60
    return Counter(re.findall(r'<path[^>]*\bfill="(#\w+)"', svg[0]))


def test_every_chart_is_drawn(browser, page, tmp_path):
    dom = opened(browser, page, tmp_path)
    first, second = "#1f6fb5", "#d9731a"  # the colours of both targets in the light theme
    found = {name: drawn(dom, name) for name in CHARTS}
    assert (found["reward"][first], found["reward"][second]) == (1, 1)
    assert (found["correctness-seconds"][first], found["correctness-seconds"][second]) == (25, 20)
    assert (found["kinds"][first], found["kinds"][second]) == (3, 3)
    assert (found["deadline"][first], found["deadline"][second]) == (25, 24)
    assert "This chart could not be drawn:" not in dom.replace("`This chart could not be drawn:", "")


def test_no_answer_runs_as_a_script(browser, page, tmp_path):
    dom = opened(browser, page, tmp_path)
    assert "<title>Bench of direct, race on 25 questions</title>" in dom
    assert "<img" not in dom.partition('<script type="application/json"')[0]
    assert html.escape(HOSTILE, quote=False) in dom


_PHONE = """<!doctype html><body>
<iframe srcdoc="REPORT" style="width: 360px; height: 800px"></iframe>
<script>
setTimeout(() => {
  const root = document.querySelector("iframe").contentDocument.documentElement;
  const pictures = root.querySelectorAll("svg").length;
  document.title = `${root.clientWidth} ${root.scrollWidth} ${pictures}`;
}, 15000);
</script>"""


def test_it_fits_on_a_phone(browser, page, tmp_path):
    """In a frame of a phone's width, because a window cannot be made that narrow."""
    frame = tmp_path / "phone.html"
    frame.write_text(_PHONE.replace("REPORT", html.escape(page.read_text())))
    title = re.search(r"<title>(\d+) (\d+) (\d+)</title>", opened(browser, frame, tmp_path))
    assert title, "the page never ran"
    visible, needed, pictures = map(int, title.groups())
    assert pictures == len(CHARTS)
    assert 300 < visible <= 360
    assert needed <= visible
