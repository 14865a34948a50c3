"""The race as a whole, on a scripted server: what it answers, when it stops, and what it leaves behind."""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import psutil
import pytest

from logicnet.deadline import Deadline
from logicnet.errors import ModelError
from logicnet.llm import Completion, Endpoint, Message
from logicnet.protocol import Answer, Challenge
from logicnet.scoring.reward import Prices
from logicnet.solver import Setup, load_solver
from logicnet.solver.answering import Solution, answer_in_time
from logicnet.solver.race.pace import Pace
from logicnet.solver.race.profiles import load_profiles, profile_for
from logicnet.solver.race.samplers import Sample, Samplers
from logicnet.solver.race.solver import TRY_AGAIN, RaceSolver
from logicnet.solver.race.trust import SamplerRecord
from logicnet.solver.sandbox import _monty
from tests.harness.own_time import after
from tests.harness.said import listening
from tests.harness.scripted_model import BROKEN, Json, Mode, ScriptedModel
from tests.unit.solver.race.course import PROGRAM, QUESTION, STEPS, as_asked, asked, in_harmony, without_exact

pytestmark = pytest.mark.own_time

STORY = Challenge(QUESTION)
SMALL = profile_for("smollm2", load_profiles())
CHAT = profile_for("chat", load_profiles())


@pytest.fixture
async def race() -> AsyncIterator[RaceSolver]:
    """On a chat model; without exact, which has its own test below."""
    async with without_exact(RaceSolver(Setup(model="chat"))) as solver:
        yield solver


async def solve(
    race: RaceSolver, models: Endpoint, challenge: Challenge = STORY, seconds: float = 30.0
) -> Answer:
    return await race.solve(challenge, after(seconds), models)


async def left_alone(server: ScriptedModel) -> None:
    """Until no chat is answered any more: nothing goes on behind the reply."""
    async with asyncio.timeout(20):
        await server.idle()


def others() -> set[asyncio.Task[object]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


async def test_samples_start_in_turns_of_their_own(
    models: Endpoint, race: RaceSolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns, begun = 0, []

    def turn() -> None:
        nonlocal turns
        turns += 1
        asyncio.get_running_loop().call_soon(turn)

    async def begins(_: Samplers) -> Sample:
        begun.append(turns)
        return Sample("reason", None)

    monkeypatch.setattr(Samplers, "reason", begins)
    monkeypatch.setattr(Samplers, "program", begins)
    monkeypatch.setattr(Samplers, "formal", begins)
    turn()
    with pytest.raises(ModelError):
        await solve(race, models)
    assert len(begun) == len(set(begun)) > 3


# What it answers -------------------------------------------------------------------------------------


async def test_samples_agree_and_the_answer_goes_out_with_its_steps(
    server: ScriptedModel, models: Endpoint, race: RaceSolver
) -> None:
    answer = await solve(race, models)
    assert (answer.reasoning, answer.answer) == (STEPS, "72")
    assert {asked(body) for body in server.chats} >= {"reason", "program", "formal"}
    await left_alone(server)


async def test_where_no_program_runs_none_is_asked_for(
    server: ScriptedModel, models: Endpoint, race: RaceSolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_monty, "at_hand", lambda: False)
    assert await race._sandbox.start()
    race._asked = TRY_AGAIN - 2
    for _ in range(2):  # the second one also tries the samplers that do not pay
        assert (await solve(race, models)).answer == "72"
    assert {asked(body) for body in server.chats} == {"reason", "formal"}
    await left_alone(server)


async def test_most_votes_win(server: ScriptedModel, models: Endpoint, race: RaceSolver) -> None:
    seen = {"reason": 0}

    def text(body: Json) -> str:
        if asked(body) != "reason":
            return as_asked(body)
        seen["reason"] += 1
        return "I guess. The answer is 70." if seen["reason"] == 1 else STEPS

    server.text = text
    server.pause_s = 0.002
    answer = await solve(race, models)
    assert (answer.reasoning, answer.answer) == (STEPS, "72")


@pytest.mark.thorough
async def test_a_calculation_asks_for_no_more_than_a_trace(
    server: ScriptedModel, models: Endpoint, tmp_path: Path
) -> None:
    """And waits for it no longer than it is worth: 0.0004 of reward is a second."""
    own = tmp_path / "own.toml"
    sampler = "{ samples = 4, most = 8, temperature = 0.7, max_tokens = 400 }"
    own.write_text(
        '[[profiles]]\nname = "own"\nmodels = ["own"]\ntrace_gain = 0.0004\n'
        f"reason = {sampler}\nprogram = {sampler}\n"
    )
    server.mode = Mode.HANG_IN_TEXT
    async with RaceSolver(Setup(profiles=own, model="own")) as race:
        await race._exact.start()
        deadline = after(60.0)
        answer = await race.solve(Challenge("What is 12% of 45?"), deadline, models)
        assert deadline.elapsed_s() < 30.0  # generous; it would be 59 if it waited
        assert answer.answer == "5.4"
        assert answer.reasoning.startswith("We are asked: What is 12% of 45?\n\nTo find 12% of 45")
        assert answer.vote_log is not None
        assert [(vote.sampler, vote.text) for vote in answer.vote_log.votes] == [("exact", "5.4")]
        assert [asked(body) for body in server.chats] in ([], ["reason"], ["reason"] * 2)
        await left_alone(server)
        # A small model is not even asked.
        race._use(SMALL)
        assert (await solve(race, models, Challenge("What is 15% of 45?"))).answer == "6.75"
        assert "15%" not in str(server.chats)  # a request of the first question may still arrive


async def test_without_exact_a_calculation_is_left_to_the_model(
    server: ScriptedModel, models: Endpoint, tmp_path: Path
) -> None:
    own = tmp_path / "own.toml"
    sampler = "{ samples = 1, most = 1, temperature = 0.7, max_tokens = 400 }"
    own.write_text(
        '[[profiles]]\nname = "own"\nmodels = ["own"]\nexact = false\n'
        f"reason = {sampler}\nprogram = {sampler}\n"
    )
    async with RaceSolver(Setup(profiles=own, model="own")) as race:
        answer = await race.solve(Challenge("What is 12% of 45?"), after(60.0), models)
    assert answer.answer == "72"  # as the scripted server says to everything
    assert answer.vote_log is not None
    assert "exact" not in {vote.sampler for vote in answer.vote_log.votes}


async def test_the_answer_has_its_vote_log(server: ScriptedModel, models: Endpoint, race: RaceSolver) -> None:
    server.logprobs = (-0.25,)
    server.pause_s = 0.01
    vote_log = (await solve(race, models)).vote_log
    assert vote_log is not None
    assert (vote_log.kind, vote_log.chosen) == ("story", "number:72")
    assert vote_log.note
    votes = [vote for vote in vote_log.votes if vote.key]
    assert {vote.sampler for vote in votes} <= {"reason", "program", "formal"}
    for vote in votes:
        assert (vote.key, vote.text) == ("number:72", "72")
        if vote.sampler != "formal":
            assert vote.confidence == pytest.approx(-0.25)
        assert vote.tokens > 0
        assert 0.0 < vote.seconds < 30.0
    seconds = [vote.seconds for vote in vote_log.votes]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize(("trusted", "wins"), [("program", "72"), ("reason", "70")])
async def test_the_records_of_samplers_decide_between_them(
    server: ScriptedModel, models: Endpoint, tmp_path: Path, trusted: str, wins: str
) -> None:
    """One reasons to 70, one computes 72, and nobody else is asked."""
    profiles = tmp_path / "profiles.toml"
    sampler = "{ samples = 1, most = 1, temperature = 0, max_tokens = 300 }"
    profiles.write_text(
        f'[[profiles]]\nname = "two"\nmodels = ["*"]\nreason = {sampler}\nprogram = {sampler}\n'
    )
    doubted = {"program": "reason", "reason": "program"}[trusted]
    records = (SamplerRecord("story", trusted, 90.0, 10.0), SamplerRecord("story", doubted, 10.0, 90.0))
    server.text = lambda body: PROGRAM if asked(body) == "program" else "I guess. The answer is 70."
    async with without_exact(RaceSolver(Setup(records, profiles))) as race:
        first = await solve(race, models)
    assert first.answer == wins


async def test_a_program_checks_the_leading_solution_before_others_compute(
    server: ScriptedModel, models: Endpoint, tmp_path: Path
) -> None:
    """Equally trusted programs hang in the only two places; the check finds that 70 is wrong."""
    own = tmp_path / "own.toml"
    words = "temperature = 0.5, max_tokens = 200 }"
    own.write_text(
        f'[[profiles]]\nname = "own"\nmodels = ["*"]\ncalls = 2\nreason = {{ samples = 1, most = 1, {words}\n'
        f"program = {{ samples = 0, most = 4, {words}\ncheck = {{ samples = 0, most = 1, {words}\n"
    )
    records = [SamplerRecord("story", one, 90.0, 10.0) for one in ("program", "check")]
    records.append(SamplerRecord("story", "reason", 60.0, 40.0))
    server.text = lambda body: "I guess so. The answer is 70." if asked(body) == "reason" else PROGRAM
    server.mode = lambda n: Mode.HANG_IN_TEXT if asked(server.chats[n]) == "program" else Mode.NORMAL
    async with without_exact(RaceSolver(Setup(records, own))) as race:
        answer = await solve(race, models, seconds=6.0)
    assert answer.answer == "72"
    assert [asked(body) for body in server.chats][:2] == ["reason", "check"]
    assert "The answer is 70." in server.chats[1]["messages"][-1]["content"]


async def test_where_a_program_is_asked_for_no_program_is_run(
    server: ScriptedModel, models: Endpoint, race: RaceSolver
) -> None:
    code = "def double(n):\n    return 2 * n"
    server.text = f"```python\n{code}\n```"
    answer = await solve(race, models, Challenge("Write a Python function double(n) that doubles a number."))
    assert answer.answer == code
    assert {asked(body) for body in server.chats} == {"reason"}


# Which model -----------------------------------------------------------------------------------------


async def test_who_names_no_model_gets_the_profile_of_the_one_that_is_served(
    server: ScriptedModel, models: Endpoint
) -> None:
    server.model = "HuggingFaceTB/SmolLM2-135M-Instruct"
    endpoint = Endpoint(server.base_url)
    async with without_exact(RaceSolver()) as race:
        with listening() as said:
            await solve(race, endpoint)
            first, server.chats = server.chats, []
            await solve(race, endpoint)
    await endpoint.close()
    asked_plainly = [body for body in first if "formula" not in body["messages"][-1]["content"]]
    assert {len(body["messages"]) for body in asked_plainly} == {1}  # as a chat model: nobody knew better
    shots = {"reason": SMALL.reason.examples, "program": SMALL.program.examples}
    assert server.chats
    assert all(len(body["messages"]) == 2 * shots[asked(body)] + 1 for body in server.chats)
    [told] = [line for line in said if "SmolLM2" in line and "profile" in line]
    assert told.startswith("INFO Model 'HuggingFaceTB/SmolLM2-135M-Instruct'")
    assert told.endswith(": profile 'small'.")


async def test_a_model_that_is_named_is_believed(server: ScriptedModel, models: Endpoint) -> None:
    async with without_exact(RaceSolver(Setup(model="smollm2"))) as race:
        await solve(race, models)
        server.chats.clear()
        await solve(race, models)
    assert all(len(body["messages"]) > 1 for body in server.chats)


THINKING = profile_for("deepseek-r1", load_profiles())


@pytest.mark.thorough
@pytest.mark.parametrize("named", ["prod", None], ids=["named", "unnamed"])
@pytest.mark.parametrize(
    "shape", ["marks", "own field", "newer field", "closing mark", "template", "hidden", "harmony"]
)
async def test_a_model_that_thinks_is_recognised_under_any_name(
    server: ScriptedModel, shape: str, named: str | None
) -> None:
    """After one question at most, its texts get the budget of a thinking model."""
    thoughts = "Half of 48 is 24, and 48 and 24 are 72. "
    server.model = "prod"
    match shape:
        case "marks":
            server.text = lambda body: f"<think>{thoughts}</think>{as_asked(body)}"
        case "own field":
            server.thinking = thoughts
        case "newer field":
            server.thinking, server.thinking_field = thoughts, "reasoning"
        case "harmony":
            server.text = lambda body: in_harmony("Maybe 70. The answer is 70. No.", as_asked(body))
        case "closing mark":
            server.text = lambda body: f"{thoughts}</think>{as_asked(body)}"
        case "template":
            server.template_end = ("<|Assistant|>", "<", "think", ">", "\u010a")
            server.finish_reason = "length"  # so that no closing mark comes
            server.text = lambda body: thoughts if asked(body) in ("reason", "program") else as_asked(body)
        case "hidden":
            server.hidden_tokens = 900
    endpoint = Endpoint(server.base_url, named)
    await endpoint.ready()
    assert (await endpoint.probe(60.0)).error == ""
    async with without_exact(RaceSolver(Setup(model=named))) as race:
        with listening() as said:
            assert (await solve(race, endpoint)).answer == "72"
        server.chats.clear()
        answer = await solve(race, endpoint)
        assert (answer.reasoning, answer.answer) == (STEPS, "72")
    await endpoint.close()
    assert race._profile == THINKING
    assert "INFO Model 'prod' thinks before it answers: profile 'thinking'." in said


@pytest.mark.thorough
async def test_a_model_that_never_thinks_is_recognised_under_any_name(server: ScriptedModel) -> None:
    server.model = "my-reasoning-free-thinker"
    endpoint = Endpoint(server.base_url)
    async with without_exact(RaceSolver(Setup(model=server.model))) as race:
        for _ in range(3):
            await solve(race, endpoint)
        server.chats.clear()
        await solve(race, endpoint)
    await endpoint.close()
    assert race._profile == CHAT


@pytest.mark.thorough
async def test_a_template_that_forbids_to_think_is_believed_after_one_question(server: ScriptedModel) -> None:
    """As `logicnet plan` starts Qwen3 where there is no time for thoughts: enable_thinking is false."""
    server.model = "Qwen/Qwen3-8B"
    server.template_end = ("<|im_start|>", "assistant", "<think>", "\n\n", "</think>", "\n\n")
    endpoint = Endpoint(server.base_url)
    await endpoint.ready()
    assert (await endpoint.probe(60.0)).error == ""
    async with RaceSolver(Setup(model=server.model)) as race:
        await solve(race, endpoint)
        server.chats.clear()
        await solve(race, endpoint)
    await endpoint.close()
    assert race._profile == CHAT


@pytest.mark.thorough
async def test_the_operators_profile_is_kept_whatever_the_model_writes(
    server: ScriptedModel, models: Endpoint, tmp_path: Path
) -> None:
    own = tmp_path / "own.toml"
    sampler = "{ lanes = 2, most = 2, temperature = 0.3, max_tokens = 321 }"  # the word of earlier versions
    own.write_text(f'[[profiles]]\nname = "own"\nmodels = ["*"]\nreason = {sampler}\nprogram = {sampler}\n')
    server.text = lambda body: f"<think>Hm.</think>{as_asked(body)}"
    async with without_exact(RaceSolver(Setup(profiles=own))) as race:
        await solve(race, models)
        await solve(race, models)
    assert {body["temperature"] for body in server.chats if asked(body) != "forced"} == {0.3}
    assert max(body["max_tokens"] for body in server.chats) <= 321


async def test_the_operators_profile_is_used(server: ScriptedModel, models: Endpoint, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    sampler = "{ samples = 2, most = 2, temperature = 0.3, max_tokens = 321 }"
    own.write_text(
        f'[[profiles]]\nname = "own"\nmodels = ["my-*"]\nreason = {sampler}\nprogram = {sampler}\n'
    )
    async with without_exact(RaceSolver(Setup(profiles=own, model="my-model"))) as race:
        await solve(race, models)
    assert {body["temperature"] for body in server.chats} == {0.3}
    assert max(body["max_tokens"] for body in server.chats) <= 321
    assert len(server.chats) <= 4


@pytest.mark.thorough
async def test_limits_of_the_profile_hold_for_the_kind_of_the_question(
    server: ScriptedModel, models: Endpoint, tmp_path: Path
) -> None:
    own = tmp_path / "own.toml"
    sampler = "{ samples = 3, most = 3, temperature = 0.3, max_tokens = 321 }"
    own.write_text(
        f'[[profiles]]\nname = "own"\nmodels = ["*"]\nreason = {sampler}\nprogram = {sampler}\n'
        'limits = { story = { program = 0, reason = 1 }, "closed-expression" = { exact = 0 } }\n'
    )
    async with RaceSolver(Setup(profiles=own, model="own")) as race:
        await solve(race, models)
        assert [asked(body) for body in server.chats] == ["reason"]
        server.chats.clear()
        answer = await solve(race, models, Challenge("What is 17 * 23?"))
    assert answer.answer == "72"  # as the server says to everything: nothing was computed
    assert "program" in {asked(body) for body in server.chats}


@pytest.mark.thorough
async def test_texts_get_as_many_tokens_as_texts_are_seen_to_need(
    server: ScriptedModel, models: Endpoint, race: RaceSolver
) -> None:
    """At first as many as thoughts may need; after some short texts, little more than they."""

    async def budgets() -> set[int]:
        server.chats.clear()
        await solve(race, models)
        return {body["max_tokens"] for body in server.chats if asked(body) == "reason"}

    first = await budgets()
    for _ in range(6):
        last = await budgets()
    assert 64 <= max(last) < 1024 < max(first)  # the text has 24


@pytest.mark.parametrize("tokens_per_s", [20.0, 200.0])
async def test_thoughts_get_as_many_tokens_as_fit_in_the_time(
    server: ScriptedModel, models: Endpoint, tokens_per_s: float
) -> None:
    server.context = None
    async with without_exact(RaceSolver(Setup(model="deepseek-r1"))) as race:
        pace = race._scheduler.pace
        assert pace is not None
        for at_once in range(1, 17):
            pace.observe(100, 100 / tokens_per_s, at_once)
        fits = math.floor(29.0 / pace.seconds_per_token(THINKING.reason.samples))
        await race.solve(STORY, Deadline(0.0, 30.0, clock=lambda: 0.0), models)
    assert 10 * tokens_per_s < fits < 30 * tokens_per_s
    assert server.chats[0]["max_tokens"] == fits


async def test_the_pace_is_that_of_the_model_alone(race: RaceSolver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a program's run nor the wait for it is time in which the server writes."""

    class Claims:
        async def complete(self, messages: Sequence[Message], **_: object) -> Completion:
            as_program = "Python program" in messages[-1].content
            said = "print(1 / 0)" if as_program and len(messages) == 1 else PROGRAM if as_program else STEPS
            return Completion(said, "stop", tokens=100, seconds=1000.0)

    observed: list[tuple[int, float]] = []
    monkeypatch.setattr(Pace, "observe", lambda _, tokens, seconds, __: observed.append((tokens, seconds)))
    await race.solve(STORY, after(30.0), Claims())
    assert observed
    assert all(seconds == 10 * tokens for tokens, seconds in observed)


@pytest.mark.thorough
async def test_programs_that_end_without_an_answer_are_soon_no_longer_asked_for(
    server: ScriptedModel, models: Endpoint, race: RaceSolver
) -> None:
    server.text = lambda body: "I would rather not." if asked(body) == "program" else STEPS
    for _ in range(6):
        await solve(race, models)
    server.chats.clear()
    for _ in range(4):
        await solve(race, models)
    assert {asked(body) for body in server.chats} == {"reason"}


async def test_a_sampler_that_the_profile_never_begins_is_no_rival(
    server: ScriptedModel, models: Endpoint
) -> None:
    records = (SamplerRecord("story", "formal", 99.0, 1.0), SamplerRecord("story", "program", 60.0, 40.0))
    async with without_exact(RaceSolver(Setup(model="smollm2", sampler_records=records))) as race:
        await solve(race, models)
    assert {asked(body) for body in server.chats} == {"reason", "program"}


async def test_as_many_samples_run_at_once_as_the_server_has_room_for(
    server: ScriptedModel, models: Endpoint, race: RaceSolver
) -> None:
    server.mode = Mode.HANG_IN_TEXT
    pace = race._scheduler.pace
    assert pace is not None
    for number in range(60):  # every other call makes one half as slow again
        pace.observe(200, 4.0 * (1 + 0.5 * (number % 8)), 1 + number % 8)
    task = asyncio.create_task(solve(race, models))
    async with asyncio.timeout(60):
        while len(server.chats) < 2:
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.3)
    assert len(server.chats) <= pace.room() < 8
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await left_alone(server)


# In time ---------------------------------------------------------------------------------------------


@pytest.mark.thorough
async def test_whatever_the_server_does_it_ends_before_the_deadline(race: RaceSolver) -> None:
    async def replied(mode: Mode) -> tuple[Solution, bool]:
        async with ScriptedModel(text=as_asked, mode=mode, context=8192) as server:
            endpoint = Endpoint(server.base_url)
            deadline = after(8.0)
            solution = await answer_in_time(race, STORY, deadline, endpoint)
            late = deadline.passed()
            await left_alone(server)
            await endpoint.close()
            return solution, late

    replies = dict(zip(BROKEN, await asyncio.gather(*map(replied, BROKEN)), strict=True))
    for mode, (solution, late) in replies.items():
        assert not late, mode
        assert solution.answer.answer and solution.answer.reasoning
        assert "solver was not done" not in solution.error, mode  # nobody had to end it: it kept its reserve


@pytest.mark.parametrize(("second", "waits"), [(10.0, False), (0.0, True)])
async def test_it_waits_as_long_as_the_subnets_price_of_a_second_allows(
    server: ScriptedModel, models: Endpoint, second: float, waits: bool
) -> None:
    server.mode = lambda n: Mode.NORMAL if n == 0 else Mode.HANG_IN_TEXT
    prices = Prices(second=second)
    async with without_exact(RaceSolver(Setup(model="chat", prices=prices))) as race:
        vote_log = (await solve(race, models, seconds=4.0)).vote_log
    assert vote_log is not None
    assert (sum(vote.key != "" for vote in vote_log.votes) > 1) is waits  # the others are cut off at the end


async def test_a_server_that_dies_on_the_way_leaves_what_it_wrote(
    server: ScriptedModel, models: Endpoint, race: RaceSolver
) -> None:
    server.text = "Half of 48 is 24, which makes 72. The answer is 72. More of it follows here."
    server.pause_s = 0.02

    whole: list[int] = []  # the first that reasons: which of all calls arrives first is chance

    def mode(number: int) -> Mode:
        if whole or asked(server.chats[number]) != "reason":
            return Mode.DROP
        whole.append(number)
        return Mode.NORMAL

    server.mode = mode
    answer = await solve(race, models, seconds=8.0)
    assert answer.answer == "72"


async def test_a_server_that_is_back_in_time_is_asked_again(
    server: ScriptedModel, models: Endpoint, race: RaceSolver
) -> None:
    server.mode = lambda n: Mode.ERROR_500 if n < 6 else Mode.NORMAL
    assert (await solve(race, models)).answer == "72"


@pytest.mark.thorough
async def test_without_a_word_it_says_why(server: ScriptedModel, models: Endpoint, race: RaceSolver) -> None:
    server.mode = Mode.ERROR_500
    with pytest.raises(ModelError, match="500"):
        await solve(race, models, seconds=1.5)
    server.mode = Mode.HANG_AFTER_HEADERS
    with pytest.raises(ModelError, match="in time"):
        await solve(race, models, seconds=1.0)


@pytest.mark.thorough
async def test_thinking_that_is_cut_off_is_concluded_and_not_sent(
    server: ScriptedModel, models: Endpoint
) -> None:
    server.thinking = "Hmm, let me see, clips and clips and clips."
    server.text = lambda body: as_asked(body) if asked(body) in ("short", "forced") else "never seen"
    server.mode = lambda n: Mode.HANG_IN_TEXT if asked(server.chats[n]) == "reason" else Mode.NORMAL
    async with without_exact(RaceSolver(Setup(model="deepseek-r1"))) as race:
        deadline = after(6.0)  # a third of it is for the conclusion, on a busy machine too
        answer = await race.solve(STORY, deadline, models)
    assert not deadline.passed()
    assert (answer.reasoning, answer.answer) == (STEPS, "72")
    assert answer.vote_log is not None
    assert {vote.sampler for vote in answer.vote_log.votes if vote.key} == {"forced"}


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.3])
async def test_hardly_any_time_is_no_fault(
    server: ScriptedModel, models: Endpoint, race: RaceSolver, seconds: float
) -> None:
    server.mode = Mode.TRICKLE
    solution = await answer_in_time(race, STORY, after(seconds), models)
    assert solution.answer.answer
    await left_alone(server)


# Failed samples -----------------------------------------------------------------------------------------


async def test_a_failed_sample_does_not_fail_the_question(
    server: ScriptedModel, models: Endpoint, race: RaceSolver
) -> None:
    server.mode = lambda n: Mode.HANG_BEFORE_HEADERS if n % 2 else Mode.NORMAL
    answer = await solve(race, models)
    assert answer.answer == "72"
    await left_alone(server)


async def test_a_sampler_that_raises_does_not_fail_the_question(
    server: ScriptedModel, models: Endpoint, race: RaceSolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the sandbox is on fire")

    monkeypatch.setattr(race._sandbox, "run", broken)
    monkeypatch.setattr(race._exact, "solve", broken)
    assert (await solve(race, models)).answer == "72"


async def test_a_hostile_program_costs_only_its_sample(
    server: ScriptedModel, models: Endpoint, race: RaceSolver
) -> None:
    server.text = lambda body: "x = 1\nwhile True: x += x" if asked(body) == "program" else STEPS
    assert (await solve(race, models)).answer == "72"


# What is left behind ---------------------------------------------------------------------------------


async def test_cancelling_leaves_nothing_running(server: ScriptedModel, models: Endpoint) -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    tasks_before = others()
    server.text = lambda body: "while True: pass" if asked(body) == "program" else "word " * 1_000
    server.mode = lambda n: Mode.NORMAL if asked(server.chats[n]) == "program" else Mode.HANG_IN_TEXT
    async with RaceSolver(Setup(model="chat")) as race:
        task = asyncio.create_task(solve(race, models))
        async with asyncio.timeout(60):
            while not (race._sandbox._running and server.running >= CHAT.reason.samples):
                await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await left_alone(server)
        async with asyncio.timeout(60):
            while race._sandbox._running:
                await asyncio.sleep(0.005)
        assert race._scheduler.total_weight() == 0.0
        assert server.hung_up >= CHAT.reason.samples
    async with asyncio.timeout(60):
        while {child.pid for child in psutil.Process().children(recursive=True)} - before:
            await asyncio.sleep(0.01)
        while [task for task in others() - tasks_before if "_accepted" not in repr(task)]:
            await asyncio.sleep(0.01)


async def test_leaving_ends_the_workers(server: ScriptedModel, models: Endpoint) -> None:
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    async with RaceSolver(Setup(model="chat")) as race:
        await solve(race, models)
        await race._exact.start()
        assert {child.pid for child in psutil.Process().children(recursive=True)} - before
    async with asyncio.timeout(60):
        while {child.pid for child in psutil.Process().children(recursive=True)} - before:
            await asyncio.sleep(0.01)


# Many at once ----------------------------------------------------------------------------------------


@pytest.mark.thorough
async def test_sixteen_in_flight_are_all_answered_and_high_stake_has_more_calls(
    server: ScriptedModel, models: Endpoint, race: RaceSolver
) -> None:
    gate = asyncio.Event()
    server.mode = Mode.HANG_IN_TEXT
    questions = [f"{QUESTION} This is number {number}." for number in range(16)]
    stakes = [500_000.0, *[10_000.0] * 15]

    def of(number: int) -> int:
        return sum(questions[number] in body["messages"][0]["content"] for body in server.chats)

    deadline = after(60.0)
    tasks = [
        asyncio.create_task(race.solve(Challenge(question, stake=stake), deadline, models))
        for question, stake in zip(questions, stakes, strict=True)
    ]
    async with asyncio.timeout(60):
        while not all(of(number) >= 2 for number in range(16)):
            await asyncio.sleep(0.01)
    assert of(0) >= max(of(number) for number in range(1, 16))
    assert len(server.chats) <= CHAT.calls + 2 * 16
    gate.set()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await left_alone(server)

    server.mode = Mode.NORMAL
    answers = await asyncio.gather(
        *(
            race.solve(Challenge(question, stake=stake), after(60.0), models)
            for question, stake in zip(questions, stakes, strict=True)
        )
    )
    assert {answer.answer for answer in answers} == {"72"}
    assert race._scheduler.total_weight() == 0.0


async def test_one_question_alone_gets_every_sample_at_once(
    server: ScriptedModel, models: Endpoint, race: RaceSolver
) -> None:
    server.mode = Mode.HANG_IN_TEXT
    task = asyncio.create_task(solve(race, models))
    async with asyncio.timeout(60):
        while len(server.chats) < CHAT.reason.samples + CHAT.program.samples:
            await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await left_alone(server)


async def test_a_paid_model_is_asked_once_and_again_only_where_that_came_to_nothing(
    server: ScriptedModel, models: Endpoint
) -> None:
    async with without_exact(RaceSolver(Setup(model="chat", costs=lambda: True))) as race:
        assert (await solve(race, models)).answer == "72"
        assert len(server.chats) == 1
        server.chats.clear()
        server.text = lambda body: as_asked(body) if len(server.chats) > 1 else ""
        assert (await solve(race, models)).answer == "72"
        assert len(server.chats) == 2


def test_race_is_built_by_its_name() -> None:
    assert isinstance(load_solver("race", Setup(model="qwen")), RaceSolver)
