"""The page of a round: what was asked, learned and proven, and the curve over all rounds so far."""

from collections.abc import Sequence

from logicnet.errors import TuningError
from logicnet.evals.report import page
from logicnet.evals.report.charts import Chart, axis, bars, line, plot
from logicnet.evals.report.estimate import Estimate
from logicnet.tuning.improve.kinds import tallied
from logicnet.tuning.improve.practised import PRACTICE, read_practice
from logicnet.tuning.improve.rounds import Round, Rounds

REPORT = "report.html"


def write_report(rounds: Rounds, one: Round) -> None:
    """Write the page of `one` into its folder. Raises TuningError, SettingsError."""
    so_far = [other for other in rounds.all() if other.number <= one.number]
    path = rounds.folder(one.number) / REPORT
    texts = [
        (text.kind, text.right)
        for text in read_practice(rounds.folder(one.number) / PRACTICE)
        if text.source == "model" and text.sampler != "chat"
    ]
    drawn = [_curve(so_far), _practised(texts)]
    try:
        path.write_text(page.small_page(f"Round {one.number}: {one.step}", facts(one), drawn))
    except OSError as error:
        raise TuningError(f"cannot write {path}: {error.strerror or error}; make room") from None


def facts(one: Round) -> list[tuple[str, str]]:
    """Name and value; the first is the head of the table."""
    proof = one.proved()
    found = [
        (f"round {one.number}", str(one.step)),
        ("why", one.reason or "proven"),
        ("it was compared with", one.serving or "the base"),
        ("questions practised", str(sum(one.counts.values()))),
        ("lessons", f"{one.lessons}, {one.new_lessons} of them new"),
    ]
    if one.losses is not None:
        found.append(("held-out loss", f"{one.losses[0]:.3f}, then {one.losses[1]:.3f}"))
    if proof is not None:
        found += [
            ("candidate", f"{proof.candidate} ({one.form})"),
            ("questions of the proof", str(proof.questions)),
            (f"reward gained, {1 - proof.alpha:.1%} interval", interval(proof.reward)),
            ("truly right answers gained", interval(proof.right)),
            *((f"of them in {kind}", interval(gain)) for kind, gain in proof.kinds.items()),
        ]
        if proof.p95_s is not None:
            found.append(("95 % of answers within", f"{proof.p95_s[1]:.1f} s; before {proof.p95_s[0]:.1f} s"))
        if proof.tokens_per_s is not None:
            pace = proof.tokens_per_s
            found.append(("tokens a second", f"{pace[1]:.0f}; before {pace[0]:.0f}"))
    return found


def interval(found: Estimate | None) -> str:
    """As `+0.120 (+0.040 to +0.200)`."""
    return "not known" if found is None else found.in_words()


def _curve(rounds: Sequence[Round]) -> Chart:
    proven = [
        (one, proof) for one in rounds if (proof := one.proved()) is not None and proof.reward is not None
    ]
    lines: dict[str, list[float | None]] = {
        "reward gained": [proof.reward.mean for _, proof in proven if proof.reward],
        "lower end": [proof.reward.low for _, proof in proven if proof.reward],
        "upper end": [proof.reward.high for _, proof in proven if proof.reward],
        "truly right answers": [proof.accuracy for _, proof in proven],
    }
    options = plot(
        [
            line(name, values, f"var(--s{place})", type="dashed" if "end" in name else "solid")
            for place, (name, values) in enumerate(lines.items())
        ],
        axis([f"round {one.number}" for one, _ in proven]),
        axis(),
        legend=True,
    )
    note = "Each round on questions of its own. Gains: over what served then. Right answers: the candidate's."
    return Chart("curve", "Over the rounds", note, options)


def _practised(texts: Sequence[tuple[str, bool]]) -> Chart:
    found = tallied(texts)
    kinds = sorted(found, key=lambda kind: found[kind][0] / found[kind][1])
    options = plot(
        [bars([round(found[kind][0] / found[kind][1], 4) for kind in kinds])], axis(min=0, max=1), axis(kinds)
    )
    note = "Share of the samples that were right, before training."
    return Chart("practised", "Practice by kind", note, options, max(160, 22 * len(kinds)))
