"""Everything together, and what each missing part leaves open."""

import pytest

from logicnet.llm import Endpoint
from logicnet.scoring.judge import Judge
from logicnet.scoring.scorer import ScoredInput, Scorer
from logicnet.scoring.similarity import Embedder
from logicnet.scoring.truth import TruthTeller
from tests.harness.scripted_model import Mode, ScriptedModel


def alike(texts: list[str]) -> list[list[float]]:
    return [[1.0, float(len(text))] for text in texts]


async def test_alone_it_scores_what_arithmetic_can() -> None:
    scores = await Scorer().score(
        [
            ScoredInput("42", "It is 42."),
            ScoredInput("42", "unknown", reasoning="a", reference="b"),
            ScoredInput("42", None),
        ]
    )
    assert [score.correctness.score for score in scores] == [1.0, None, None]
    assert [score.similarity for score in scores] == [None] * 3
    assert [score.reward.value for score in scores] == [None, None, 0.0]
    assert [score.truth for score in scores] == [None] * 3


async def test_with_everything() -> None:
    embedder = Embedder(alike)
    async with (
        ScriptedModel(text=lambda body: "no" if "yes or no" in str(body) else "0") as server,
        TruthTeller(timeout_s=60.0) as truth,
    ):
        endpoint = Endpoint(server.base_url)
        scores = await Scorer(Judge(endpoint), embedder, truth).score(
            [
                ScoredInput("42", "42", reasoning="ab", reference="cd", process_time_s=32.0),
                ScoredInput(
                    "12", "a dozen", reasoning="ab", reference="cd", process_time_s=6.0, timeout_s=12.0
                ),
                ScoredInput("-7", "7"),
            ]
        )
        await endpoint.close()
    embedder.close()
    assert [score.correctness.score for score in scores] == [1.0, 0.0, 1.0]
    assert [score.reward.value for score in scores] == [
        pytest.approx((0.3 + 0.7 - 0.025) / 2 + 0.5),
        pytest.approx((0.3 - 0.025) / 2 + 0.5),
        None,  # nothing to compare the reasoning with
    ]
    assert [score.truth.right if score.truth else None for score in scores] == [True, None, False]


async def test_failures_count_as_a_validators_and_are_told() -> None:
    def broken(texts: list[str]) -> list[list[float]]:
        raise RuntimeError

    embedder = Embedder(broken)
    async with ScriptedModel(Mode.ERROR_500) as server:
        endpoint = Endpoint(server.base_url)
        [score] = await Scorer(Judge(endpoint), embedder).score(
            [ScoredInput("12", "a dozen", reasoning="a", reference="b", process_time_s=0.0)]
        )
        await endpoint.close()
    embedder.close()
    assert score.reward.value == pytest.approx((0.3 * 0.5 + 0.7 * 0.5) / 2 + 0.5)
    assert score.correctness.failed
    assert [note.split(":")[0] for note in score.notes] == [
        "the judge failed",
        "the embedding failed (RuntimeError)",
    ]
