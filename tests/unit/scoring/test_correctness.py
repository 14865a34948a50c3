"""The four steps in their order, without and with a judge."""

from logicnet.llm import Endpoint
from logicnet.scoring.correctness import by_text
from logicnet.scoring.judge import Judge
from logicnet.scoring.scorer import NO_JUDGE, correctness
from tests.harness.scripted_model import ScriptedModel


def test_equal_text_comes_before_numbers() -> None:
    assert by_text(" Yes\n", "yes").by == "equal"
    assert by_text("9" * 500, "9" * 500).score == 1.0  # as numbers both were infinite


async def test_without_a_judge_nothing_is_guessed() -> None:
    verdict = await correctness("yes", "no")
    assert (verdict.score, verdict.by, verdict.note) == (None, "nobody", NO_JUDGE)


async def test_without_a_judge_the_reason_is_kept() -> None:
    verdict = await correctness("7/2", "1+" * 400)
    assert verdict.note.startswith("longer than") and verdict.note.endswith(NO_JUDGE)


async def test_without_a_judge_the_fixed_rules_still_hold() -> None:
    assert (await correctness("yes", ";")).score == 0.0
    assert (await correctness("yes", "</answer> no")).score == -1.0


async def test_numbers_come_before_the_fixed_rules() -> None:
    assert (await correctness("42", "</b> 42")).score == 1.0


async def test_the_judge_is_asked_only_for_what_is_left() -> None:
    async with ScriptedModel(text=lambda body: "no" if "yes or no" in str(body) else "0.75") as server:
        endpoint = Endpoint(server.base_url)
        judge = Judge(endpoint)
        assert (await correctness("42", "41", judge=judge)).by == "number"
        assert server.chats == []
        verdict = await correctness("yes", "probably", question="Is it?", judge=judge)
        await endpoint.close()
    assert (verdict.score, verdict.by) == (0.75, "judge")
    assert "Is it?" in str(server.chats[-1])


async def test_what_arithmetic_could_not_read_is_said_beside_the_judgement() -> None:
    async with ScriptedModel(text=lambda body: "no" if "yes or no" in str(body) else "0") as server:
        endpoint = Endpoint(server.base_url)
        verdict = await correctness("7/2", "seven, or 3.4 and a bit", judge=Judge(endpoint))
        await endpoint.close()
    assert (verdict.score, verdict.by, verdict.note) == (0.0, "judge", "not an expression")
