"""All that the page and the terminal show, at one moment, and its numbers and names for people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean, stdev
from typing import Literal

from logicnet._util.intervals import wilson
from logicnet.events import Placed
from logicnet.operate.serving.gpu_load import GpuLoad
from logicnet.operate.telemetry.meter import ValidatorVolume
from logicnet.operate.telemetry.state import ModelServerState, State

Level = Literal["bad", "warning", "note"]
JudgedAs = Literal["right", "wrong", "none"]


@dataclass(frozen=True, slots=True)
class CurrentChallenge:
    """A challenge in flight."""

    challenge_id: str
    validator: str
    question: str  # empty until the ledger has it
    left_s: float  # negative after the deadline
    allowed_s: float


@dataclass(frozen=True, slots=True)
class FinishedChallenge:
    """A challenge that ended."""

    challenge_id: str
    at_s: float  # unix seconds of its end
    question: str
    answer: str
    outcome: str
    seconds: float
    allowed_s: float
    in_time: bool
    error: str = ""
    correctness: float | None = None  # -1..1; None if unknown
    reward: float | None = None  # by our own scoring, with the volume factor; None if unknown
    known_by: str = ""  # "run": scored by a run of ours; "exact": computed; "judge"; "silence": not in time
    between: tuple[float, float] = (0.0, 0.0)  # the rewards if it is wrong and if it is right


@dataclass(frozen=True, slots=True)
class TimeBucket:
    """The answers of one interval of time."""

    at_s: float  # its start
    answered: int = 0
    missed: int = 0  # of those, not in time
    median_s: float | None = None
    slow_s: float | None = None  # the 90th percentile
    # The mean correctness of all that were in time if those of unknown correctness are wrong, and if right.
    correct_low: float | None = None
    correct_high: float | None = None


@dataclass(frozen=True, slots=True)
class HourMean:
    """The mean of all answers of the last hour lies in `low`..`high`: their rewards, or their correctness.

    It is known of computed and of late answers, and of `judged` of the answers that were left to the model.
    Few judged ones say nothing: then `mean` is None, and the ends are what the mean is if the model was wrong
    each time, and if it was right.
    """

    mean: float | None
    low: float
    high: float
    computed: int
    late: int
    model: int
    judged: int

    @property
    def words(self) -> str:
        parts = [f"{self.computed} computed", f"{self.model} left to the model, {self.judged} of them judged"]
        return ", ".join([*parts, *([f"{self.late} late"] if self.late else [])])

    def __str__(self) -> str:
        if self.mean is not None and self.high - self.low < 0.005:
            return score(self.mean)
        ends = f"{score(self.low)} to {score(self.high)}"
        return ends if self.mean is None else f"{score(self.mean)} ({ends})"


FEWEST_JUDGED = 10
"""Of answers that the model gave: with fewer, a mean of theirs says little of the rest."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """The refusals of the last hour for one reason."""

    reason: str
    count: int
    message: str


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that needs attention, and the command or setting that mends it.

    `key` stays the same while the figures in `what` change.
    """

    level: Level
    what: str
    mend: str
    key: str


@dataclass(frozen=True, slots=True)
class MoneySettings:
    """`usd`: for one TAO; None if unknown, and `problem` says why. `gpu_usd_h`: all GPUs together."""

    usd: float | None = None
    gpu_usd_h: float | None = None
    age_s: float = 0.0  # of the file that holds `usd`
    problem: str = ""


@dataclass(frozen=True, slots=True)
class VllmFigures:
    """A vLLM now; speeds, times and prefix hits are of the last minutes, None while nobody asked."""

    place: str  # host:port
    model: str
    kv_used: float  # share of the KV cache in use
    running: int
    waiting: int
    tokens_per_s: float | None = None  # of all requests together
    first_token_s: float | None = None
    prefix_hits: float | None = None  # share of the prompts' tokens that the prefix cache had


@dataclass(frozen=True, slots=True)
class MachineFigures:
    """The vLLMs that tell their figures, and this machine's GPUs, as of `at_s` (unix seconds)."""

    at_s: float = 0.0
    vllms: tuple[VllmFigures, ...] = ()
    gpus: tuple[GpuLoad, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Sequences are oldest first unless a comment says otherwise."""

    at_s: float
    ledger: str  # its path
    miner: State | None = None  # None if it cannot be reached
    ledger_error: str = ""  # why the ledger cannot be read; what is shown of it is then older
    solving: tuple[CurrentChallenge, ...] = ()  # the most urgent first
    answers: tuple[FinishedChallenge, ...] = ()  # of the last hour, the newest first
    buckets: tuple[TimeBucket, ...] = ()
    refusals: tuple[Refusals, ...] = ()
    volumes: tuple[ValidatorVolume, ...] = ()  # the open ones first
    servers: tuple[ModelServerState, ...] = ()
    ranks: tuple[Placed, ...] = ()  # one for each epoch of the chain
    alerts: tuple[Alert, ...] = ()  # the worst first
    asked: bool | None = None  # whether the ledger has a challenge; None if it cannot be read
    money: MoneySettings = MoneySettings()
    machine: MachineFigures = MachineFigures()
    others: tuple["Snapshot", ...] = ()  # of miners beside this one
    app: str = ""  # what pm2 calls the miner; empty if that is not known

    @property
    def in_time(self) -> int:
        """Answers of the last hour that were in time."""
        return sum(one.in_time for one in self.answers)

    @property
    def reward(self) -> HourMean | None:
        """Of the last hour; None without an answer."""
        return _mean_of_all(self.answers, lambda one: one.reward, lambda one: one.between)

    @property
    def correctness(self) -> HourMean | None:
        """Of the answers of the last hour that were in time; None without one."""
        in_time = [one for one in self.answers if one.in_time]
        return _mean_of_all(in_time, lambda one: one.correctness, lambda _: (0.0, 1.0))

    def is_over(self, volume: ValidatorVolume) -> bool:
        """Whether that epoch has ended; unknown without a miner, and then it has."""
        return self.miner is None or self.at_s >= volume.started_at_s + self.miner.interval_s


Of = Callable[[FinishedChallenge], float | None]
Ends = Callable[[FinishedChallenge], tuple[float, float]]


def _mean_of_all(answers: Sequence[FinishedChallenge], of: Of, ends: Ends) -> HourMean | None:
    """The mean of a value of `answers`: `of` is None where it is unknown, and then it lies between `ends`."""
    if not answers:
        return None
    sampled = any(one.known_by == "judge" for one in answers)
    # What runs of ours scored is no part of a random sample of the rest.
    certain = ("exact", "silence", "run") if sampled else ("exact", "silence")
    known = [of(one) or 0.0 for one in answers if one.known_by in certain]
    model = [one for one in answers if one.known_by not in certain]
    judged = [value for value in map(of, model) if value is not None]
    low, high = (
        fmean(ends(one)[end] if (value := of(one)) is None else value for one in model) if model else 0.0
        for end in (0, 1)
    )
    mean = fmean(judged) if judged and len(judged) == len(model) else None if model else 0.0
    if mean is None and sampled:
        sample = [one for one in model if of(one) is not None]
        mean, below, above = _by_sample(sample, len(model), of, ends)
        low, high = max(low, below), min(high, above)
    elif mean is None and len(judged) >= FEWEST_JUDGED:
        mean = fmean(judged)
        off = 1.96 * stdev(judged) / len(judged) ** 0.5
        low, high = max(low, mean - off), min(high, mean + off)

    def of_all(share: float) -> float:
        return (sum(known) + len(model) * share) / len(answers)

    late = sum(one.known_by == "silence" for one in answers)
    whole = None if mean is None else of_all(mean)
    computed = sum(one.known_by == "exact" for one in answers)
    return HourMean(whole, of_all(low), of_all(high), computed, late, len(model), len(judged))


def _by_sample(
    sample: Sequence[FinishedChallenge], whole: int, of: Of, ends: Ends
) -> tuple[float | None, float, float]:
    """The mean of `whole` answers by a random `sample` of them, and its 95 % interval.

    Without a mean if the sample is small. The interval is that of the share that is right, which holds for
    few answers too, and for all right or all wrong; it narrows to nothing as the sample becomes the whole.
    """
    mean = fmean(of(one) or 0.0 for one in sample)
    gap = fmean(ends(one)[1] - ends(one)[0] for one in sample)
    right = sum(one.correctness or 0.0 for one in sample)
    share, narrower = right / len(sample), (1 - len(sample) / whole) ** 0.5
    low, high = wilson(right, len(sample))
    below, above = mean - (share - low) * gap * narrower, mean + (high - share) * gap * narrower
    return mean if len(sample) >= FEWEST_JUDGED else None, below, above


def correctness_ends(buckets: Sequence[TimeBucket]) -> tuple[float, float]:
    """The mean correctness of all answers in time if each unknown one is wrong, and if it is right."""
    in_time = sum(one.answered - one.missed for one in buckets)
    if not in_time:
        return 0.0, 1.0
    low = sum((one.correct_low or 0.0) * (one.answered - one.missed) for one in buckets)
    high = sum(
        (1.0 if one.correct_high is None else one.correct_high) * (one.answered - one.missed)
        for one in buckets
    )
    return low / in_time, high / in_time


def ends_words(low: float, high: float) -> str:
    """A correctness of which both ends are known, without an end that says nothing."""
    if score(high) != score(1.0) or score(low) == score(high):
        return score(low) if score(low) == score(high) else f"{score(low)} to {score(high)}"
    return "not known" if score(low) == score(0.0) else f"at least {score(low)}"


def correctness_words(correctness: HourMean) -> str:
    """The estimate for all answers with what it rests on, or both ends of it."""
    mean = correctness.mean is not None
    found = str(correctness) if mean else ends_words(correctness.low, correctness.high)
    return f"{found}: {correctness.words}"


_FRESH_S = 30.0  # figures that are read in the background every few seconds

NOTHING = "\N{EN DASH}"


def short(hotkey: str) -> str:
    return hotkey[:8]


def seconds(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:.1f} s" if value < 100 else f"{value:.0f} s"


def clock(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%H:%M:%S")


def aged(since_s: float, now_s: float) -> str:
    """Of when old figures are; empty for new ones."""
    return f"as of {clock(since_s)} UTC" if now_s - since_s > _FRESH_S else ""


def span(value_s: float) -> str:
    """A duration in its largest unit."""
    if value_s < 120:
        return f"{max(0.0, value_s):.0f} s"
    if value_s < 7200:
        return f"{value_s / 60:.0f} min"
    return f"{value_s / 3600:.0f} h" if value_s < 2 * 86_400 else f"{value_s / 86_400:.0f} d"


def score(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def percent(part: int, whole: int) -> str:
    return NOTHING if not whole else f"{part / whole:.1%}"


def urgency(one: CurrentChallenge) -> tuple[float, str]:
    """The share of its time that a challenge has left, 0..1, and its level: good, warning or bad."""
    share = min(1.0, max(0.0, one.left_s / one.allowed_s)) if one.allowed_s else 0.0
    return share, "good" if share > 0.5 else "warning" if share > 0.2 else "bad"


def down(server: ModelServerState, at_s: float) -> str:
    """Since when a model server is down."""
    since_s = server.down_since_s
    return "down" + (f" since {clock(since_s)}, for {span(at_s - since_s)}" if since_s else "")


def reason(server: ModelServerState) -> str:
    """Why it is down, without its name."""
    said = f"the model server at {server.name.partition(' ')[0]} "
    if server.error.startswith(said):
        return f"it {server.error.removeprefix(said)}"
    return server.error or "it does not answer"


def headline(now: Snapshot) -> list[tuple[str, str, str]]:
    """The headline figures: name, value, and a note."""
    answers, reward = now.answers, now.reward
    network = now.miner.network if now.miner else None
    is_open = [one for one in now.volumes if not now.is_over(one)]
    kept, announced = sum(one.kept for one in is_open), sum(one.announced for one in is_open)
    least = min((one.left_s for one in now.solving), default=None)
    rank, rank_note = NOTHING, "not known"
    if network is not None and network.rank is not None:
        rank, rank_note = str(network.rank), f"of {network.neurons}, incentive {network.incentive:.4f}"
    elif network is not None:
        rank_note = "not registered"
    in_time = f"{percent(now.in_time, len(answers))} in time" if answers else "none yet"
    return [
        ("in flight", str(len(now.solving)), f"least time left {seconds(least)}" if now.solving else "idle"),
        ("answered in the last hour", str(len(answers)), in_time),
        ("reward", str(reward) if reward else NOTHING, reward.words if reward else "none known"),
        ("kept of announced", f"{kept} / {announced}", "in the open epochs"),
        ("rank", rank, rank_note),
    ]
