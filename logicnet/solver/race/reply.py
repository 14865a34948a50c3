"""The reply: a short answer in the form that the validator compares, and its reasoning.

The reasoning is the trace closest to the others that reached the answer: the unknown reference is likely to
be near their middle. If only a calculation reached it, the reply tells its steps in words. Told calculations
and the terse traces of small models begin with the question, so that they can be read alone. Cosines with a
plain completion of SmolLM2-135M on 39 easy tasks: another completion 0.63, a terse trace 0.62 (with the
question 0.68), a told calculation 0.65 (with the question 0.68).
"""

import ast
import asyncio
import math
import re
from collections import Counter
from collections.abc import Sequence

from loguru import logger

from logicnet.answers import NormalForm
from logicnet.errors import LogicnetError
from logicnet.maths.worker import Bounded
from logicnet.protocol import Answer
from logicnet.scoring.similarity import at_hand
from logicnet.solver.guard import addresses_judge, suspicious
from logicnet.solver.race.samplers import Sample

NO_ANSWER = "I do not know"
NO_STEPS = "The steps to this answer are not available."
_MOST_QUESTION = 600  # characters of the question that are repeated
_MOST_READ = 4_000  # of a long question, to find them among its spaces
_MOST_PROGRAM = 2_000  # characters of a program that is told; a longer one has more steps than that
_MOST_STEPS = 8  # of a program
_MOST_TRACE = 32_000  # characters of a trace: as many as a reply holds
_MODULE = "logicnet.solver.race.embedding"  # by name only: it imports torch
LOAD_S = 300.0  # torch and the model, from a cold disk on a busy machine
_CALL_S = 10.0  # for one comparison, even if its caller left
_RESTARTS = 3  # of a process that worked before
_COMPARE_S = 0.3  # for the embeddings of some traces, 20 ms each on a slow core
_READ = 1_200  # characters of a trace that are compared: its first 256 tokens
_WORD = re.compile(r"\w+|[^\w\s]")
_FENCED = re.compile(r"```\w*\n(.*?)(?:```|\Z)", re.DOTALL)
_LAST_WORDS = 300  # characters at the end of the steps, searched for the answer
_STATES = re.compile(r"(?:\b(?:is|are|equals|gives)\b|[=:])[\s$*]*\Z", re.IGNORECASE)
_READABLE = (
    *(ast.Constant, ast.Name, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.IfExp, ast.Call),
    *(ast.List, ast.Tuple, ast.expr_context, ast.unaryop, ast.cmpop, ast.boolop),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow),  # no ^: 5 ^ 3 is 6 in Python
)


class Closest:
    """Finds the text closest to the others: by all-MiniLM-L6-v2 once it is loaded, else by words."""

    def __init__(self) -> None:
        self._process = Bounded(_MODULE, memory_bytes=None) if at_hand() else None
        self._ready = False
        self._restarts = 0
        self._calls: set[asyncio.Task[list[list[float]] | None]] = set()

    def start(self) -> None:
        """Start the embedding worker, which takes seconds."""
        if self._process is not None:
            self._call(("one", "two"), LOAD_S)

    async def close(self) -> None:
        while self._calls:  # a call that ends may start another
            for call in self._calls:
                call.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)
        if self._process is not None:
            await self._process.aclose()

    async def among(self, texts: Sequence[str], within_s: float = _COMPARE_S) -> str:
        """The text that is most similar to the rest; the longer of two. `texts` is not empty."""
        texts = list(dict.fromkeys(texts))
        if len(texts) < 3:
            return max(texts, key=len)
        likeness = await self._by_embedding(texts, min(within_s, _COMPARE_S)) or _by_words(texts)
        return texts[max(range(len(texts)), key=lambda one: sum(likeness[one]))]

    async def _by_embedding(self, texts: Sequence[str], within_s: float) -> list[list[float]] | None:
        if not self._ready or self._calls:  # a busy worker is not waited for
            return None
        call = self._call([text[:_READ] for text in texts], _CALL_S)
        try:
            async with asyncio.timeout(within_s):
                return await asyncio.shield(call)  # keep the worker after a slow answer
        except TimeoutError:
            return None

    def _call(self, texts: Sequence[str], timeout_s: float) -> asyncio.Task[list[list[float]] | None]:
        call = asyncio.create_task(self._likeness(texts, timeout_s))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return call

    async def _likeness(self, texts: Sequence[str], timeout_s: float) -> list[list[float]] | None:
        assert self._process is not None
        try:
            found: list[list[float]] = await self._process.call(
                f"{_MODULE}:likeness", timeout_s=timeout_s, texts=list(texts)
            )
        except (LogicnetError, OSError) as error:  # OSError: no process could be started
            logger.info("Comparing traces by their words, not by embeddings: {}.", error)
            # Restart a worker that worked before, a few times: it may be too slow here.
            again = self._ready and self._restarts < _RESTARTS
            self._ready = False
            if again:
                self._restarts += 1
                self.start()
            return None
        self._ready = True
        return found


def _by_words(texts: Sequence[str]) -> list[list[float]]:
    """Cosines of word counts."""
    counts = [Counter(_WORD.findall(text[:_READ].lower())) for text in texts]
    norms = [math.sqrt(sum(count * count for count in one.values())) or 1.0 for one in counts]
    read = list(zip(counts, norms, strict=True))
    return [
        [sum(n * right[word] for word, n in left.items()) / (norm * other) for right, other in read]
        for left, norm in read
    ]


async def reply(
    question: str,
    chosen: NormalForm,
    ends: Sequence[Sample],
    closest: Closest,
    *,
    terse: bool = False,
    within_s: float = _COMPARE_S,
) -> Answer:
    """The answer `chosen` with the best reasoning of the samples that reached it, in about `within_s`.

    `terse`: the traces do not repeat the question. A trace that addresses a judge is not used.
    """
    reached = [end for end in ends if end.form == chosen]
    traces = [
        end.trace[:_MOST_TRACE]
        for end in reached
        if end.sampler in ("reason", "forced") and end.trace.strip()
    ]
    reasoning = ""
    while traces and not reasoning:
        reasoning = await closest.among(traces, within_s)
        if addresses_judge(reasoning):
            traces, reasoning = [trace for trace in traces if trace != reasoning], ""
            await asyncio.sleep(0)
    if reasoning:
        if terse:
            reasoning = told(question, reasoning, chosen.text)
    else:
        steps = next((end.trace for end in reached if end.trace), "")
        program = next((end.program for end in reached if end.program), "")
        reasoning = told(question, steps or in_words(program), chosen.text)
    return Answer(reasoning if reasoning.strip() else NO_STEPS, sendable(chosen.text))


def sendable(text: str) -> str:
    """The answer, unless it looks like a trick."""
    return NO_ANSWER if suspicious(text) or not text.strip().strip(" .;") else text


def told(question: str, steps: str, answer: str) -> str:
    """The question, the steps and the answer as an assistant tells them."""
    asked = " ".join(question[-_MOST_READ:].split())
    if len(asked) > _MOST_QUESTION or len(question) > _MOST_READ:
        asked = "..." + asked[-_MOST_QUESTION:]
    parts = (f"We are asked: {asked}", steps, "" if _ends_with(steps, answer) else f"The answer is {answer}.")
    return "\n\n".join(part for part in parts if part and not addresses_judge(part))


def _ends_with(steps: str, answer: str) -> bool:
    """Whether the steps end by stating the answer."""
    last = steps[-_LAST_WORDS:].rstrip(" \n.*$")
    before = last.removesuffix(answer) if answer else last
    return len(before) < len(last) and bool(_STATES.search(before))


def in_words(program: str) -> str:
    """The steps of a short program, one sentence each; "" if one cannot be a sentence, such as a loop."""
    if len(program) > _MOST_PROGRAM:
        return ""
    try:
        body = ast.parse("\n".join(_FENCED.findall(program)) or program).body
        steps = [_step(node) for node in body if not isinstance(node, ast.Import | ast.ImportFrom)]
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):  # the last: too deep in 3.11
        return ""
    if not all(steps) or len(steps) > _MOST_STEPS or len(" ".join(steps)) > _MOST_QUESTION:
        return ""
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def _step(node: ast.stmt) -> str:
    """A statement as a sentence; "" if that is not possible."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if _reads(value):
            return f"Let {_spaced(name)} be {_maths(value)}."
        case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
            return _step(ast.Assign([ast.Name(name)], ast.BinOp(ast.Name(name), op, value)))
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"), args=[*shown])):
            if shown and all(_reads(one) for one in shown):
                return f"The result is {', '.join(_maths(one) for one in shown)}."
            return ""
        case ast.Expr(value=value) if _reads(value):
            return f"We compute {_maths(value)}."
    return ""


def _reads(value: ast.expr) -> bool:
    """Whether an expression reads as mathematics, not as Python."""
    for node in ast.walk(value):
        match node:
            case ast.Attribute(value=ast.Name(id="math")):
                continue
        if not isinstance(node, _READABLE):
            return False
    return True


def _maths(value: ast.expr) -> str:
    """An expression in the notation of mathematics."""
    text = ast.unparse(_Spelled().visit(value)).replace("math.", "").replace("**", "^")
    return _spaced(text.replace(" % ", " mod ").replace("'", ""))


class _Spelled(ast.NodeTransformer):
    """Writes 7 // 2 as floor(7 / 2)."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.op, ast.FloorDiv):
            return node
        return ast.Call(ast.Name("floor"), [ast.BinOp(node.left, ast.Div(), node.right)], [])


def _spaced(name: str) -> str:
    return name.replace("_", " ").strip()
