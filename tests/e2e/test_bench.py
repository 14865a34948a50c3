"""`logicnet bench` as a user runs it: a real vLLM, our solver, the plain call and its-hub in one table."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from logicnet.evals.runs.run import read_rows
from tests.e2e.conftest import ROOT, until

PEERS = "examples/solvers/plain_call.py,examples/solvers/beta_self_consistency.py"


def bench(vllm, out: Path, *flags: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "logicnet", "bench", "--endpoint", vllm.base_url]
    return subprocess.Popen(
        [*argv, "--seed", "3", "--out", str(out), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"COLUMNS": "200"},
    )


async def test_three_solvers_answer_the_same_questions_in_one_table(vllm, tmp_path):
    await vllm.idle()
    before = await vllm.metric("generation_tokens_total")
    process = bench(vllm, tmp_path / "run", "--solvers", f"direct,{PEERS}", "--n", "4", "--concurrency", "2")
    said, errors = await asyncio.to_thread(process.communicate, timeout=900)
    assert process.returncode == 0, errors
    rows = list(read_rows(tmp_path / "run" / "rows.jsonl"))
    asked = {name: [row.id for row in rows if row.target == name] for name in {row.target for row in rows}}
    assert set(asked) == {"direct", "plain_call", "beta_self_consistency"}
    assert len({tuple(ids) for ids in asked.values()}) == 1
    assert len(rows) == 12
    assert all(row.answer for row in rows)
    # Every token that vLLM generated meanwhile was somebody's, but for those on their way when a vote ended.
    await vllm.idle()
    counted = sum(row.tokens for row in rows)
    generated = await vllm.metric("generation_tokens_total") - before
    assert 0.8 * generated <= counted <= generated
    for name in asked:
        assert any(line.split()[1:2] == [name] for line in said.splitlines()), said
    assert "direct - beta_self_consistency" in said
    assert (tmp_path / "run" / "report.html").stat().st_size > 500_000


async def test_rewards_are_known_with_a_reference_and_a_judge(vllm, tmp_path):
    process = bench(vllm, tmp_path / "run", "--n", "3", "--concurrency", "3", "--judge-url", vllm.base_url)
    _, errors = await asyncio.to_thread(process.communicate, timeout=900)
    assert process.returncode == 0, errors
    rows = list(read_rows(tmp_path / "run" / "rows.jsonl"))
    assert sorted(row.target for row in rows) == ["direct"] * 3 + ["race"] * 3
    for row in rows:
        assert len(row.reference.split()) > 3
        assert -1 <= row.similarity <= 1
        assert row.correctness is not None
        earned = (0.3 * row.similarity + 0.7 * row.correctness - 0.05 * row.process_time / 64) / 2 + 0.5
        assert row.reward == pytest.approx(earned)


async def test_what_was_scored_before_ctrl_c_is_kept(vllm, tmp_path):
    out = tmp_path / "run"
    process = bench(
        vllm,
        out,
        "--solvers",
        "direct,examples/solvers/plain_call.py",
        "--n",
        "40",
        "--concurrency",
        "2",
        "--no-similarity",
    )
    try:
        await until(lambda: (out / "rows.jsonl").exists() and (out / "rows.jsonl").stat().st_size)
        process.send_signal(signal.SIGINT)
        said, errors = await asyncio.to_thread(process.communicate, timeout=900)
    finally:
        process.kill()
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "what was scored is in" in errors
    rows = list(read_rows(out / "rows.jsonl"))
    assert 0 < len(rows) < 80
    assert len(rows) % 2 == 0  # whole turns: what was under way was waited for
    assert all(row.scored for row in rows)
    assert "--resume" in errors
    assert (out / "report.html").exists()
    assert json.loads((out / "run.json").read_text())["questions"] == 40
    assert " direct " in said
