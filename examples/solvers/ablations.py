"""Peers: the race with one of its parts switched off, or on where it is off, to see what that part is worth.

    logicnet bench --challenges recipes/held_out.toml \
        --solvers race,examples/solvers/ablations.py:NoProgram,...

Each is a class; name as many as wanted. The questions, the models and all other parts are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from logicnet.solver import Setup
from logicnet.solver.race.exact import ExactSolution
from logicnet.solver.race.profiles import Profile, SamplerProfile
from logicnet.solver.race.solver import RaceSolver
from logicnet.solver.race.trust import Prior, Trust

# As chat models are asked (profiles.toml), within what a small model writes.
_FORMAL = SamplerProfile(samples=1, most=1, temperature=0.3, max_tokens=128, examples=2)
_CHECK = SamplerProfile(samples=0, most=2, temperature=0.3, max_tokens=256, turns=2)


class NoExact(RaceSolver):
    """Nothing is computed without a model."""

    def __init__(self, setup: Setup | None = None) -> None:
        super().__init__(setup)
        self._exact = _Nothing()


class NoProgram(RaceSolver):
    """No programs are written."""

    def _use(self, profile: Profile) -> None:
        super()._use(_without(profile, "program"))


class NoReason(RaceSolver):
    """No reasoning is sampled: every account is a told calculation."""

    def _use(self, profile: Profile) -> None:
        super()._use(_without(profile, "reason"))


class AlsoFormal(RaceSolver):
    """Small models, too, are asked for one expression that is then computed."""

    def _use(self, profile: Profile) -> None:
        super()._use(profile.model_copy(update={"formal": _FORMAL}))


class AlsoCheck(RaceSolver):
    """Small models, too, write programs that check what was reasoned."""

    def _use(self, profile: Profile) -> None:
        super()._use(profile.model_copy(update={"check": _CHECK}))


class NoFormal(RaceSolver):
    """No question is written as an expression."""

    def _use(self, profile: Profile) -> None:
        super()._use(_without(profile, "formal"))


class NoCheck(RaceSolver):
    """No program checks an answer."""

    def _use(self, profile: Profile) -> None:
        super()._use(_without(profile, "check"))


class NoExamples(RaceSolver):
    """Small models are told what to do, and shown nothing."""

    def _use(self, profile: Profile) -> None:
        samplers = {
            name: getattr(profile, name).model_copy(update={"examples": 0}) for name in ("reason", "program")
        }
        super()._use(profile.model_copy(update=samplers))


class NoTrust(RaceSolver):
    """All samplers are trusted alike, whatever they earned: a plain majority."""

    def _use(self, profile: Profile) -> None:
        super()._use(profile)
        alike = Prior(0.5)
        self._trust = Trust((), dict.fromkeys(profile.trust_priors(), alike))


class NoStopping(RaceSolver):
    """Seconds cost nothing: what is running is waited for, as long as it may change anything."""

    def __init__(self, setup: Setup | None = None) -> None:
        super().__init__(setup)
        self._prices = replace(self._prices, second=0.0)


class NoMoreSamples(RaceSolver):
    """What was begun at once is all: no sampler is added where one ended."""

    def _use(self, profile: Profile) -> None:
        samplers = {
            name: getattr(profile, name).model_copy(update={"most": getattr(profile, name).samples})
            for name in ("reason", "program")
        }
        super()._use(profile.model_copy(update=samplers))


class OneOfEach(RaceSolver):
    """A single sampler of each kind: no votes."""

    def _use(self, profile: Profile) -> None:
        one = {"samples": 1, "most": 1}
        samplers = {name: getattr(profile, name).model_copy(update=one) for name in ("reason", "program")}
        super()._use(profile.model_copy(update=samplers))


@dataclass
class _Nothing:
    """Computes nothing."""

    async def start(self) -> None:
        pass

    async def solve(self, question: str, caller: str = "") -> ExactSolution | None:
        return None

    async def aclose(self) -> None:
        pass


def _without(profile: Profile, sampler: str) -> Profile:
    none = {"samples": 0, "most": 0}
    return profile.model_copy(update={sampler: getattr(profile, sampler).model_copy(update=none)})
