"""The pages of challenges: `/challenges` finds them in the ledger, `/challenges/ID` shows one whole.

Every text of a stranger is escaped; its formulas are drawn.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from typing import Self
from urllib.parse import urlencode

from logicnet._util.text import one_line
from logicnet.ledger import Row, Search
from logicnet.maths.mathml import as_html, as_line
from logicnet.operate.console.history import SPANS, UNENDED_S
from logicnet.operate.console.panels import KNOWN_BY, address
from logicnet.operate.console.snapshot import score, seconds, short, span
from logicnet.operate.console.source import USUAL_SIMILARITY, RewardEstimate
from logicnet.protocol import LOGIC_TIMEOUT_S
from logicnet.scoring.reward import (
    CORRECTNESS_WEIGHT,
    SHIFT,
    SIMILARITY_WEIGHT,
    SPREAD,
    TIME_WEIGHT,
    reward_of,
    volume_factor,
    with_volume,
)
from logicnet.votelog import SamplerVote, VoteLog, read_vote_log

MOST = 50  # found challenges on one page
OUTCOMES = ("solved", "late", "failed", "waited", "hung_up", "not in time", "in flight")


@dataclass(frozen=True, slots=True)
class ChallengeQuery:
    """What is asked for on `/challenges`, as in its address."""

    text: str = ""
    validator: str = ""
    outcome: str = ""
    span: str = "day"
    until_s: float | None = None  # only older ones: the next page

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Self:
        """From the address; what is not understood is left out."""
        outcome, name = given.get("outcome", ""), given.get("span", "")
        try:
            until_s = float(given.get("until", ""))
        except ValueError:
            until_s = math.nan
        return cls(
            text=given.get("text", "").strip(),
            validator=given.get("validator", "").strip(),
            outcome=outcome if outcome in OUTCOMES else "",
            span=name if name in SPANS else "day",
            until_s=until_s if math.isfinite(until_s) else None,
        )

    @property
    def url(self) -> str:
        given = {"text": self.text, "validator": self.validator, "outcome": self.outcome, "span": self.span}
        given |= {} if self.until_s is None else {"until": repr(self.until_s)}
        return "/challenges?" + urlencode({name: value for name, value in given.items() if value})

    def search(self, now_s: float) -> Search:
        since_s = now_s - SPANS[self.span].length_s
        until_s = math.inf if self.until_s is None else self.until_s
        return Search(since_s, until_s, self.validator, self.outcome, self.text)


def form(query: ChallengeQuery, validators: Sequence[str]) -> str:
    """The fields of a search. It is sent as an address, so that a search can be kept as a bookmark."""
    known = "".join(f'<option value="{escape(one)}"></option>' for one in validators)
    return (
        '<form method="get" action="/challenges" role="search" class="search">'
        f'<label>Text or id <input type="search" name="text" value="{escape(query.text)}"></label>'
        f'<label>Validator <input name="validator" list="validators" value="{escape(query.validator)}">'
        f'</label><datalist id="validators">{known}</datalist>'
        f"<label>Outcome {_select('outcome', ('', *OUTCOMES), query.outcome)}</label>"
        f"<label>Of the last {_select('span', tuple(SPANS), query.span)}</label>"
        "<button>Search</button></form>"
    )


def _select(name: str, values: Sequence[str], chosen: str) -> str:
    options = "".join(
        f'<option value="{one}"{" selected" if one == chosen else ""}>{one.replace("_", " ") or "any"}'
        "</option>"
        for one in values
    )
    return f'<select name="{name}">{options}</select>'


def results(
    query: ChallengeQuery,
    found: Sequence[tuple[Row, RewardEstimate | None]],
    next_s: float | None,
) -> str:
    """The challenges that were found, newest first; `next_s` is where the next page begins."""
    rows = "".join(_found(row, estimate) for row, estimate in found)
    text = f'<ol class="found">{rows}</ol>' if found else ""
    if next_s is not None:
        older = escape(replace(query, until_s=next_s).url)
        words = "Older" if found else f"Nothing since {_date(next_s)}. Search on"
        return f'{text}<p><a class="older" href="{older}">{words}</a></p>'
    end = "No more" if found or query.until_s is not None else "No challenge"
    return f'{text}<p class="empty">{end} in the last {query.span} fits this search.</p>'


def _found(row: Row, estimate: RewardEstimate | None) -> str:
    question, answer = (as_line(one_line(row[name] or "")) for name in ("question", "answer"))
    reward = "" if estimate is None or estimate.reward is None else f"reward {score(estimate.reward)}"
    return (
        f"<li><span>{_outcome(row)}</span><span>{_date(row['admitted_at_s'])}</span>"
        f'<span class="key" title="{escape(row["validator"])}">{escape(short(row["validator"]))}</span>'
        f"<span>{'' if row['seconds'] is None else seconds(row['seconds'])}</span><span>{reward}</span>"
        f'<a href="{address(row["challenge_id"])}">{escape(question) or "(no question)"}</a>'
        f"<b>{escape(answer)}</b></li>"
    )


def _outcome(row: Row) -> str:
    if row["outcome"] is None:
        return '<span class="dot"></span>no answer yet'
    level = "bad" if not row["in_time"] else "good" if row["outcome"] == "solved" else "warning"
    return f'<span class="dot {level}"></span>{escape(row["outcome"].replace("_", " "))}'


def _date(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%d %b %H:%M:%S")


def about(row: Row, estimate: RewardEstimate | None, epoch_volume: int, now_s: float) -> str:
    """One challenge, whole. `estimate` is None while it is in flight."""
    vote_log = read_vote_log(row["trail"])
    parts = [
        ("Challenge", "challenge", _facts(row, now_s)),
        ("Time", "timeline", _timeline(row, vote_log, now_s)),
        ("Question", "question", _text(row["question"])),
    ]
    if row["outcome"] is not None:
        parts += [
            ("Answer", "answer", _text(row["answer"] or "") + _error(row["error"])),
            ("Votes", "votes", _votes(vote_log)),
            ("Reasoning that was sent", "reasoning", _text(row["reasoning"] or "")),
        ]
    if row.get("shadow"):
        told = (
            f"{row['shadow']}: {row['shadow_outcome'].replace('_', ' ')} in {seconds(row['shadow_seconds'])}"
        )
        words = f"<p>{escape(told)}</p>{_text(row['shadow_answer'])}{_error(row['shadow_error'])}"
        parts.append(("The shadow's answer, which was not sent", "shadow", words))
    if estimate is not None:
        parts.append(("What it earns by our scoring", "reward", _arithmetic(row, estimate, epoch_volume)))
    return "".join(
        f'<section class="panel" id="{name}"><h2>{title}</h2>{text}</section>' for title, name, text in parts
    )


def _facts(row: Row, now_s: float) -> str:
    facts = [
        ("outcome", _outcome(row)),
        ("admitted", f"{_date(row['admitted_at_s'])} UTC, {span(now_s - row['admitted_at_s'])} ago"),
        ("validator", f'<span class="key">{escape(row["validator"])}</span>'),
        ("task", escape(f"{row['task_uid']}, {row['category']}, by {row['wire']}")),
        ("solver", escape(row["solver"] or "")),
        ("id", f'<span class="key">{escape(row["challenge_id"])}</span>'),
    ]
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts if value) + "</dl>"


def _text(text: str) -> str:
    """A text with its formulas drawn; what was sent, too, if that differs."""
    if not text:
        return '<p class="empty">none</p>'
    drawn = as_html(text)
    raw = escape(text)
    sent = "" if drawn == raw else f"<details><summary>as written</summary><pre>{raw}</pre></details>"
    scrolls = ' tabindex="0"' if "<math" in drawn else ""  # a wide formula, also by the keyboard
    return f'<div class="said"{scrolls}>{drawn}</div>{sent}'


def _error(error: str | None) -> str:
    return f'<p class="why">{escape(error)}</p>' if error else ""


def _timeline(row: Row, vote_log: VoteLog | None, now_s: float) -> str:
    """When votes came and the reply went, up to the time at which the validator stops waiting."""
    allowed_s = row["allowed_s"]
    waits_s = allowed_s + min(1.0, allowed_s / 4)  # see the ledger's `in_time`
    votes = vote_log.votes if vote_log else ()
    took_s = row["seconds"]
    at_s = took_s if took_s is not None else max(0.0, now_s - row["admitted_at_s"])
    whole_s = max(waits_s, took_s or 0.0, *(one.seconds for one in votes)) or 1.0
    level = "good" if at_s <= allowed_s else "warning" if at_s <= waits_s else "bad"

    def left(value_s: float) -> str:
        return f"left:{min(100.0, 100 * value_s / whole_s):.2f}%"

    ticks = "".join(
        f'<i class="{"vote chosen" if vote_log and one.key == vote_log.chosen else "vote"}" '
        f'style="{left(one.seconds)}" title="{escape(one.sampler)} at {seconds(one.seconds)}"></i>'
        for one in votes
    )
    if took_s is not None:
        words = f"Replied after {seconds(took_s)}"
    elif at_s < UNENDED_S:
        words = f"Being solved since {seconds(at_s)}"
    else:
        words = "Never answered: the miner was stopped before"
    words += f" of {seconds(allowed_s)} that are allowed"
    if votes:
        words += f"; {len(votes)} votes, the first after {seconds(min(one.seconds for one in votes))}"
        words += f", the last after {seconds(max(one.seconds for one in votes))}"
    words += f". The validator stops waiting {seconds(waits_s - allowed_s)} after the deadline."
    return (
        f'<div class="timeline" role="img" aria-label="{escape(words)}">'
        f'<i class="took {level}" style="width:{min(100.0, 100 * at_s / whole_s):.2f}%"></i>{ticks}'
        f'<i class="deadline" style="{left(allowed_s)}" title="deadline"></i></div>'
        f'<p class="dim">{escape(words)}</p>'
    )


def _votes(vote_log: VoteLog | None) -> str:
    if vote_log is None or not vote_log.votes:
        return '<p class="empty">No votes were kept: only solvers of several samplers have them.</p>'
    chosen = sum(one.key == vote_log.chosen != "" for one in vote_log.votes)
    words = f"{chosen} of {len(vote_log.votes)} for the answer that was sent; question: {vote_log.kind}"
    words += f"; {vote_log.note}" if vote_log.note else ""
    numbers = "".join(f'<th class="num">{name}</th>' for name in ("after", "tokens", "certainty"))
    rows = "".join(_vote(one, one.key == vote_log.chosen != "") for one in vote_log.votes)
    return (
        f'<p class="dim">{escape(words)}.</p>'
        '<div class="scroll" tabindex="0" role="region" aria-label="votes">'
        f'<table class="votes"><thead><tr><th>sampler</th><th>answer</th>{numbers}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _vote(one: SamplerVote, chosen: bool) -> str:
    certainty = "" if one.confidence is None else f"{math.exp(min(0.0, one.confidence)):.0%}"
    text = as_html(one.text or one.key) or '<span class="dim">none</span>'
    return (
        f"<tr{' class=chosen' if chosen else ''}><td>{escape(one.sampler)}</td><td>{text}</td>"
        f'<td class="num">{seconds(one.seconds)}</td><td class="num">{one.tokens or ""}</td>'
        f'<td class="num">{certainty}</td></tr>'
    )


def _arithmetic(row: Row, estimate: RewardEstimate, epoch_volume: int) -> str:
    """The validator's sum, with the parts that are known and both ends of what is not."""
    known = f'<p class="dim">Correctness: {escape(KNOWN_BY[estimate.by])}.</p>'
    if estimate.by == "silence":
        return f"<p>No answer in time: the reward is {score(estimate.reward)}.</p>"
    if estimate.correctness is not None:
        cases: list[tuple[str, float]] = [("", estimate.correctness)]
    else:
        cases = [("if it is right", 1.0), ("if it is wrong", 0.0)]
    took_s = row["seconds"]
    share = min(took_s / LOGIC_TIMEOUT_S, 1.0)
    factor = volume_factor(epoch_volume)
    lines: list[tuple[str, str, list[float]]] = [
        ("correctness", f"{CORRECTNESS_WEIGHT} of it", [CORRECTNESS_WEIGHT * c for _, c in cases]),
        (
            "similarity of the reasoning",
            f"{SIMILARITY_WEIGHT} of {USUAL_SIMILARITY}, assumed: the validator's own text is not known",
            [SIMILARITY_WEIGHT * USUAL_SIMILARITY] * len(cases),
        ),
        (
            "time",
            f"-{TIME_WEIGHT} of {seconds(took_s)} / {LOGIC_TIMEOUT_S:.0f} s, on our clock",
            [-TIME_WEIGHT * share] * len(cases),
        ),
    ]
    before = [reward_of(c, USUAL_SIMILARITY, took_s) for _, c in cases]
    lines.append(("reward", f"the sum / {SPREAD:.0f} + {SHIFT}", before))
    after = [with_volume(one, epoch_volume) for one in before]
    lines.append((f"with volume {epoch_volume}", f"{factor:.3f} of it", after))
    if estimate.by == "run":
        lines.append(("in the run", "as it was scored there", [estimate.reward or 0.0]))
    head = "".join(f'<th class="num">{words}</th>' for words, _ in cases)
    body = "".join(
        f'<tr><th scope="row">{name}</th><td class="dim">{how}</td>'
        + "".join(f'<td class="num">{value:+.3f}</td>' for value in values)
        + "</tr>"
        for name, how, values in lines
    )
    return (
        f'{known}<table class="sum"><thead><tr><th>part</th><th>how</th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )
