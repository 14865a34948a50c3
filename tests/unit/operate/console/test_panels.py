from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from rich.console import Console

from logicnet.events import Placed
from logicnet.operate.console import panels
from logicnet.operate.console.snapshot import (
    CurrentChallenge,
    FinishedChallenge,
    Refusals,
    Snapshot,
    TimeBucket,
)
from logicnet.operate.console.top import view
from logicnet.operate.telemetry.state import ModelServerState
from logicnet.protocol import Uid
from tests.unit.operate.console.scenes import NOW_S, state, volume

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
TEXTS = (
    panels.head,
    panels.figures,
    panels.alerts,
    panels.solving,
    panels.answers,
    panels.volume,
    panels.refusals,
    panels.servers,
    panels.badges,
    panels.first_hour,
    lambda seen: panels.trend_words(seen.buckets),
    lambda seen: panels.rest_of_solving(seen)[1](),
    lambda seen: panels.rest_of_volume(seen)[1](),
    lambda seen: panels.rest_of_answers(seen)[1](),
)
VOID = {"img", "br"}


class Checked(HTMLParser):
    """Which tags there are, and that each is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def full() -> Snapshot:
    miner = state("/l.sqlite", solver=HOSTILE, hotkey=HOSTILE)  # type: ignore[arg-type]
    answer = FinishedChallenge(
        "a", NOW_S, HOSTILE, HOSTILE, "late", 70.0, 60.0, False, HOSTILE, None, 0.0, "silence"
    )
    return Snapshot(
        at_s=NOW_S,
        ledger=HOSTILE,
        miner=miner,
        ledger_error=HOSTILE,
        solving=(CurrentChallenge(HOSTILE, HOSTILE, HOSTILE, 6.0, 60.0),) * 9,
        answers=(answer,) * 150,
        refusals=(Refusals(HOSTILE, 3, HOSTILE),),
        volumes=(replace(volume(refused=2), validator=HOSTILE),) * 9,
        asked=False,
        servers=(ModelServerState(name=HOSTILE, healthy=False, error=HOSTILE, paid=True, spent=1.5),),
    )


@pytest.mark.parametrize("make", TEXTS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("seen", [full(), Snapshot(NOW_S, "/l.sqlite")], ids=["full", "empty"])
def test_panels_are_well_formed_and_every_word_is_escaped(make, seen: Snapshot) -> None:
    checked = Checked()
    checked.feed(make(seen))
    checked.close()
    assert checked.open == []
    assert not checked.seen & {"script", "img"}
    assert not [name for name in checked.attributes if name.startswith("on")]


def test_a_challenge_has_a_bar_of_the_time_it_has_left() -> None:
    text = panels.solving(full())
    assert "width:10%" in text and "6.0 s" in text and 'class="bar bad"' in text


def test_of_many_in_flight_all_are_drawn_and_the_most_urgent_told() -> None:
    left_s = [60.0 * number / 199 for number in range(200)]  # of 60 s each
    seen = replace(
        full(), solving=tuple(CurrentChallenge(str(n), "5A", "", s, 60.0) for n, s in enumerate(left_s))
    )
    text = panels.solving(seen)
    drawn = dict(re.findall(r'<path class="(\w+)" d="([^"]*)"', text))
    assert {level: lines.count("M") for level, lines in drawn.items()} == {
        "bad": 40,
        "warning": 60,
        "good": 100,
    }
    assert re.findall(r"<b>(\d+)</b>", text) == ["40", "60", "100"]
    assert re.findall(r'href="/challenges/(\d+)"', text) == [str(number) for number in range(panels.FEW)]
    count, rest = panels.rest_of_solving(seen)
    assert count == 200 - panels.FEW
    assert re.findall(r'href="/challenges/(\d+)"', rest()) == [str(n) for n in range(panels.FEW, 200)]


def test_a_page_stays_light_however_many_are_in_flight() -> None:
    seen = replace(full(), solving=full().solving[:1] * 4096)
    text = panels.solving(seen)
    assert panels.MOST_DRAWN // 2 <= text.count("v-10h") <= panels.MOST_DRAWN
    assert "<b>4096</b>" in text
    count, rest = panels.rest_of_solving(seen)
    assert rest().count("href=") == panels.MOST_FOLDED < count


def test_few_in_flight_are_told_without_drawing_them() -> None:
    seen = replace(full(), solving=full().solving[: panels.FEW])
    assert "svg" not in panels.solving(seen)
    assert panels.rest_of_solving(seen)[0] == 0


def test_where_calls_are_and_which_server_is_out_since_when() -> None:
    away = ModelServerState(name="b:1", healthy=False, error="", calls=50, down_since_s=NOW_S - 5.0)
    text = panels.servers(
        replace(full(), servers=(ModelServerState(name="a:1", healthy=True, calls=150), away))
    )
    assert re.findall(r"width:(\d+)%", text) == ["75", "25"]
    assert "down since 01:46:35, for 5 s" in text and "it does not answer" in text


def test_long_lists_are_cut_and_that_is_said() -> None:
    seen = full()
    seen = replace(seen, answers=seen.answers * 2)
    assert panels.answers(seen).count("<tr>") == panels.FEW + 1
    count, rest = panels.rest_of_answers(seen)
    assert count == 300 - panels.FEW
    assert rest().count("<tr>") == panels.MOST_FOLDED + 1
    assert f"and {count - panels.MOST_FOLDED} more" in rest()


@pytest.mark.parametrize("make", [lambda seen: panels.trend(seen.buckets), panels.ranks])
def test_charts_are_json_without_functions(make) -> None:
    for seen in (full(), Snapshot(NOW_S, "/l.sqlite")):
        options = json.loads(json.dumps(make(seen), allow_nan=False))
        assert options["series"] and not [key for key in options if key.startswith(":")]


def test_a_chart_has_its_axis_before_there_is_anything_to_draw() -> None:
    empty = Snapshot(
        NOW_S, "/l.sqlite", buckets=(TimeBucket(NOW_S),), ranks=(Placed(NOW_S, 360, 65, Uid(0), 1),)
    )
    assert panels.trend(empty.buckets)["yAxis"][0]["max"] == 60
    assert [panels.ranks(empty)["yAxis"][0][end] for end in ("min", "max")] == [1, 2]
    assert panels.trend_words(empty.buckets) == "No answers in the last hour."
    one = replace(empty, buckets=(TimeBucket(NOW_S, answered=1),), ranks=(Placed(NOW_S, 360, 65, Uid(0), 9),))
    assert panels.trend(one.buckets)["yAxis"][0]["max"] is panels.ranks(one)["yAxis"][0]["max"] is None
    assert panels.trend_words(one.buckets).startswith("1 answer, 100.0% in time")


def test_a_longer_span_says_what_is_still_read_and_that_correctness_is_sampled() -> None:
    buckets = (
        TimeBucket(NOW_S),
        TimeBucket(NOW_S + 60, answered=9, missed=3, correct_low=0.5, correct_high=0.9),
    )
    words = panels.trend_words(buckets, "week", unread=1)
    assert "66.7% in time" in words and "correctness 0.50 to 0.90, by a sample of each interval." in words
    assert "1 of 2 intervals are left" in words
    assert panels.trend(buckets, "%a %H:%M")["xAxis"]["data"] == ["Sun 01:46", "Sun 01:47"]


def test_what_was_computed_is_never_shown_as_the_correctness_of_all() -> None:
    computed = FinishedChallenge("c", NOW_S, "q", "a", "solved", 3.0, 64.0, True, correctness=1.0)
    computed = replace(computed, reward=0.92, known_by="exact")
    unknown = replace(computed, correctness=None, reward=None, known_by="", between=(0.57, 0.92))
    bucket = TimeBucket(NOW_S, answered=5, median_s=3.0, correct_low=0.48, correct_high=1.0)
    seen = Snapshot(NOW_S, "/l.sqlite", answers=(*[computed] * 12, *[unknown] * 13), buckets=(bucket,))
    terminal = Console(width=100, file=io.StringIO(), record=True)
    terminal.print(view(seen, 100, 100))
    week = panels.trend_words(seen.buckets, "week", correctness=seen.correctness)
    for words in (panels.trend_words(seen.buckets, correctness=seen.correctness), terminal.export_text()):
        assert "orrectness at least 0.48: 12 computed, 13 left to the model, 0 of them judged" in words
        assert "1.00" not in words
    assert "correctness at least 0.48, by a sample of each interval." in week
    least, most = (one["data"] for one in panels.trend(seen.buckets)["series"][2:4])
    assert (least, most) == ([0.48], [1.0])


def test_the_first_hour_says_what_is_missing_until_there_was_a_challenge() -> None:
    new = Snapshot(NOW_S, "/l.sqlite", asked=False)
    assert panels.first_hour(new).count('class="open"') == 5
    seen = replace(full(), servers=(ModelServerState(name="a:1", healthy=True),))
    assert re.findall(r'<li class="(\w+)"', panels.first_hour(seen)) == ["done"] * 4 + ["open"]
    assert panels.first_hour(replace(new, asked=True)) == panels.first_hour(replace(new, asked=None)) == ""


def test_a_miner_that_is_down_is_a_badge_of_every_page() -> None:
    assert "miner down" in panels.badges(Snapshot(NOW_S, "/l.sqlite"))
    assert "miner down" not in panels.badges(full())


def test_volume_shows_what_was_given_and_kept_of_the_announced() -> None:
    seen = replace(full(), volumes=(volume(given=40, kept=20),))
    assert re.findall(r"width:([\d.]+)%", panels.volume(seen)) == ["50.0", "25.0"]
    assert "20 kept of 40 given, 80 announced" in panels.volume(seen)
