"""Batching, failures and loading. What the real model says is in tests/e2e."""

import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from logicnet.errors import LogicnetError
from logicnet.scoring.similarity import CHARS_READ, Embedder, Encode, MiniLM, Similarity, cosine

Vectors = Sequence[Sequence[float]]


@asynccontextmanager
async def embedding(encode: Encode) -> AsyncIterator[Embedder]:
    embedder = Embedder(encode)
    try:
        yield embedder
    finally:
        embedder.close()


def letters(texts: list[str]) -> Vectors:
    """Counts of a, b and c: an embedding that can be worked out by hand."""
    return [[float(text.count(letter)) for letter in "abc"] for text in texts]


async def test_each_pair_gets_its_own() -> None:
    async with embedding(letters) as embedder:
        assert await embedder.similarities([("aab", "ab"), ("a", "b"), ("abc", "cab"), ("ab", "aab")]) == [
            cosine([2, 1, 0], [1, 1, 0]),
            Similarity(0.0),
            cosine([1, 1, 1], [1, 1, 1]),
            cosine([1, 1, 0], [2, 1, 0]),
        ]
        assert await embedder.similarities([]) == []


async def test_one_batch_off_the_loop_with_no_text_twice() -> None:
    batches: list[list[str]] = []
    threads: list[int] = []

    def encode(texts: list[str]) -> Vectors:
        batches.append(texts)
        threads.append(threading.get_ident())
        return letters(texts)

    async with embedding(encode) as embedder:
        await embedder.similarities([("a", "reference abc"), ("b", "reference abc"), ("a", "c")])
    assert batches == [["a", "reference abc", "b", "c"]]
    assert threads != [threading.get_ident()]


async def test_only_what_can_count_is_read() -> None:
    lengths: list[int] = []

    def encode(texts: list[str]) -> Vectors:
        lengths.extend(len(text) for text in texts)
        return letters(texts)

    async with embedding(encode) as embedder:
        await embedder.similarities([("a" * 1_000_000, "a")])
    assert lengths == [CHARS_READ, 1]


async def test_a_failure_is_a_validators_half_and_says_so() -> None:
    def encode(texts: list[str]) -> Vectors:
        raise RuntimeError(f"out of memory with {texts}")

    async with embedding(encode) as embedder:
        found = await embedder.similarities([("secret", "b"), ("c", "d")])
    assert found == [Similarity(0.5, "the embedding failed (RuntimeError)")] * 2


@pytest.mark.parametrize("vector", [[0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0]])
def test_vectors_that_have_no_direction(vector: list[float]) -> None:
    assert cosine(vector, [1.0, 1.0]) == Similarity(0.5, "the embedding is not a number")


def test_a_cosine_by_hand() -> None:
    assert cosine([2, 1, 0], [1, 1, 0]).value == pytest.approx(3 / (5**0.5 * 2**0.5))


def test_a_cosine_stays_in_its_bounds() -> None:
    assert cosine([0.1] * 384, [0.1] * 384).value <= 1.0
    assert cosine([1.0], [-1.0]).value == -1.0


async def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    async with embedding(MiniLM()) as embedder:
        with pytest.raises(LogicnetError, match=r"logicnet\[scoring\]"):
            await embedder.similarities([("a", "b")])


def test_importing_loads_nothing_heavy() -> None:
    heavy = ("torch", "sentence_transformers", "transformers", "sympy", "math_verify", "numpy", "openai")
    code = f"import sys, logicnet.scoring; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
