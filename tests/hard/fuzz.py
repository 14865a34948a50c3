"""Coverage-guided fuzzing of what reads strangers' texts: `python -m tests.hard.fuzz READER SECONDS FOLDER`.

The corpus grows in FOLDER/READER. What breaks a reader is written beside it, and the exit status is not 0.
Needs atheris (`pip install -e '.[fuzz]'`), which instruments the readers while they are imported.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["logicnet"]):
    from logicnet._util.parsing import parse, validate
    from logicnet.answers import extract, normal_form, question_kind, question_spec
    from logicnet.axon import btauth, classic, wire
    from logicnet.axon.nonces import NonceStore
    from logicnet.errors import Refusal, SettingsError
    from logicnet.maths.expression import Unreadable, explicit, read
    from logicnet.maths.latex import undressed
    from logicnet.maths.numbers import computed, value_of
    from logicnet.protocol import Hotkey, Information, LogicSynapse, Wire
    from logicnet.solver.race.profiles import _ProfilesFile

from tests.harness.hostile_text import FRAGMENTS

ROOT = Path(__file__).parents[2]
GOLDEN = json.loads((ROOT / "tests" / "golden" / "dendrite-10.5.0.json").read_text())
OURS = Hotkey(GOLDEN[0]["miner_ss58"])


def _nonces(name: Wire) -> NonceStore:
    """As at the time of the golden requests, ten minutes after a start."""
    monotonic_ns = itertools.chain([0], itertools.repeat(600 * 10**9))
    now_ns = GOLDEN[0]["received_at_ns"]
    return NonceStore(name, lambda event: None, clock_ns=lambda: now_ns, monotonic_ns=monotonic_ns.__next__)


WIRES = (
    classic.ClassicWire(OURS, _nonces("classic")),
    btauth.BtauthWire(OURS, _nonces("btauth"), clock_ns=lambda: GOLDEN[0]["received_at_ns"]),
)


MODELS = (
    *(LogicSynapse, Information),
    *(classic._with_dendrite(LogicSynapse), classic._with_dendrite(Information)),
)


def header(data: bytes) -> None:
    """Lines of `name: value`, read by both wires."""
    lines = [line.partition(b": ") for line in data.split(b"\n")]
    for one in WIRES:
        with suppress(Refusal):
            headers = wire.collect([(name.lower(), value) for name, _, value in lines])
            claim = one.claim(headers)
            one.check(claim)
            one.verify(claim, "/LogicSynapse", b"")


def body(data: bytes) -> None:
    for model in MODELS:
        with suppress(Refusal):
            wire.parse(model, data)


def answer(data: bytes) -> None:
    """A question and a model's text, parted by a zero."""
    question, _, text = data.decode(errors="replace").partition("\x00")
    question_kind(question)
    question_spec(question)
    for one in (extract(text, question), text):
        normal_form(one, question)


def expression(data: bytes) -> None:
    text = data.decode(errors="replace")[:600]
    with suppress(Unreadable):
        read(text)
    with suppress(Unreadable):
        explicit(text)
    computed(text)
    value_of(text)
    undressed(text)


def profile(data: bytes) -> None:
    with suppress(SettingsError):
        validate(_ProfilesFile, parse(data, "profiles"), "profiles")


READERS: dict[str, Callable[[bytes], None]] = {
    reader.__name__: reader for reader in (header, body, answer, expression, profile)
}
SEEDS: dict[str, list[str]] = {
    "header": ["\n".join(map(": ".join, request["headers"].items())) for request in GOLDEN],
    "body": [request["body"] for request in GOLDEN],
    "answer": [f"How many?\x00{text}" for text in (*FRAGMENTS, r"So \boxed{\frac{3}{4}}.", "It is 5 km.")],
    "expression": ["2^3*(4-1)/7!", r"\frac{\sqrt{2}}{3} + x_1", "3 x - sin(2) = 1.5e3", "50% of 1,000"],
    "profile": [(ROOT / "logicnet" / "solver" / "race" / "profiles.toml").read_text()],
}


def main() -> None:
    name, seconds, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    corpus = folder / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[name]):
        (corpus / f"seed-{number}").write_text(seed)
    bounds = (f"-max_total_time={seconds}", "-max_len=4096", "-timeout=60", "-rss_limit_mb=4096")
    atheris.Setup([sys.argv[0], *bounds, f"-artifact_prefix={corpus}-", str(corpus)], READERS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
