"""Similarity by the real all-MiniLM-L6-v2. `make test` sets up what it needs; missing is an error."""

import asyncio
import importlib
import importlib.util
import json
import sys
from pathlib import Path

import pytest

from logicnet.cli import main
from logicnet.errors import LogicnetError
from logicnet.scoring.reward import reward_of
from logicnet.scoring.similarity import TOKENS_READ, Embedder, MiniLM, packaged_model

STEPS = "Half of 48 is 24. Adding 48 and 24 gives 72, so Natalia sold 72 clips altogether."
SAME = "In May she sold 48 / 2 = 24 clips. Altogether Natalia sold 48 + 24 = 72 clips."
OTHER = "The capital of France is Paris, which lies on the river Seine."


@pytest.fixture(scope="module")
def encode() -> MiniLM:
    if importlib.util.find_spec("sentence_transformers") is None or packaged_model() is None:
        pytest.fail(
            "sentence-transformers and its model are not there: `make test` sets them up", pytrace=False
        )
    return MiniLM()


async def test_it_agrees_with_the_library_on_what_is_close(encode: MiniLM) -> None:
    embedder = Embedder(encode)
    pairs = [(STEPS, SAME), (STEPS, OTHER), (STEPS, STEPS), ("", STEPS)]
    found = [similarity.value for similarity in await embedder.similarities(pairs)]
    embedder.close()
    assert found[0] > 0.7 > 0.3 > found[1]
    assert found[2] == pytest.approx(1.0)
    util = importlib.import_module("sentence_transformers.util")
    model = importlib.import_module("sentence_transformers").SentenceTransformer(packaged_model())
    for (left, right), value in zip(pairs, found, strict=True):
        assert value == pytest.approx(float(util.cos_sim(model.encode(left), model.encode(right))), abs=1e-5)
    assert model.max_seq_length == TOKENS_READ


async def test_only_the_opening_decides(encode: MiniLM) -> None:
    opening = "one " * TOKENS_READ
    embedder = Embedder(encode)
    alone, longer, shorter, huge = await embedder.similarities(
        [(opening, SAME), (opening + SAME * 10, SAME), (opening[:400] + SAME, SAME), (opening * 10_000, SAME)]
    )
    embedder.close()
    assert longer.value == pytest.approx(alone.value, abs=1e-5)
    assert huge.value == pytest.approx(alone.value, abs=1e-5)
    assert shorter.value > alone.value + 0.05


async def test_the_loop_goes_on_meanwhile(encode: MiniLM) -> None:
    embedder = Embedder(encode)
    work = asyncio.create_task(embedder.similarities([(f"{STEPS} {n}", SAME) for n in range(64)]))
    ticks = 0
    while not work.done():
        await asyncio.sleep(0)
        ticks += 1
    embedder.close()
    assert all(not similarity.failure for similarity in work.result())
    assert ticks > 10


async def test_a_model_that_is_not_there(encode: MiniLM, tmp_path: Path) -> None:
    embedder = Embedder(MiniLM(str(tmp_path)))
    with pytest.raises(LogicnetError, match="cannot be loaded"):
        await embedder.similarities([("a", "b")])
    embedder.close()


def test_score_rewards_by_the_formula(
    encode: MiniLM, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "answers.jsonl"
    row = {"ground_truth": "72", "answer": "72 clips", "reasoning": STEPS, "reference": SAME}
    file.write_text(json.dumps(row | {"process_time": 6.4}) + "\n" + json.dumps(row | {"timeout": 10}) + "\n")
    assert main(["score", str(file)]) == 0
    out, err = capsys.readouterr()
    scored = [json.loads(line) for line in out.splitlines()]
    for line, seconds in zip(scored, (6.4, 0.0), strict=True):
        assert line["similarity"] > 0.7
        assert line["reward"] == pytest.approx(reward_of(1.0, line["similarity"], seconds))
    assert scored[1]["note"].startswith("no process_time")
    assert "2 decided" in err


async def test_traces_are_compared_in_a_process_of_its_own():
    script = (
        "import asyncio, sys\n"
        "from logicnet.solver.race.reply import Closest\n"
        "async def main():\n"
        "    closest = Closest()\n"
        "    closest.start()\n"
        "    await asyncio.gather(*closest._calls)\n"
        "    near = ['The cat sleeps on the sofa.', 'A cat is asleep on a couch.', 'It is 7 * 8.']\n"
        "    found = await closest._by_embedding(near, 60.0)\n"
        "    assert found[0][1] > 0.7 > 0.3 > found[0][2], found\n"
        "    await closest.close()\n"
        "asyncio.run(main())\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    assert await done.wait() == 0
