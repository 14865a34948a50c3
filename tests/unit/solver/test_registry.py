from importlib.metadata import entry_points
from pathlib import Path

import pytest

from logicnet.errors import SettingsError
from logicnet.solver import Setup, load_solver, solver_names
from logicnet.solver._registry import GROUP
from logicnet.solver.constant import ConstantSolver
from logicnet.solver.direct import DirectSolver
from tests.unit.solver.installed import install


def package(name: str, solver: str, value: str, module: str = "") -> dict[str, str]:
    return {
        "pyproject.toml": f'[project]\nname = "{name}"\nversion = "1.0"\n'
        f'[project.entry-points."{GROUP}"]\n{solver} = "{value}"\n',
        f"{value.partition(':')[0]}.py": module,
    }


def test_ours_are_there() -> None:
    assert {"constant", "direct"} <= set(OURS) <= set(solver_names())
    assert isinstance(load_solver("constant"), ConstantSolver)
    assert isinstance(load_solver("direct"), DirectSolver)


OURS = [entry.name for entry in entry_points(group=GROUP) if entry.value.startswith("logicnet.")]


@pytest.mark.parametrize("name", OURS)
def test_every_solver_of_ours_has_a_test(name: str) -> None:
    here = Path(__file__).parent
    tests = here / name / "test_solver.py" if (here / name).is_dir() else here / f"test_{name}.py"
    assert tests.exists() and "def test_" in tests.read_text(), f"write {tests}"


def test_an_unknown_name_is_told_the_nearest_and_all() -> None:
    with pytest.raises(SettingsError) as caught:
        load_solver("dirct")
    said = str(caught.value)
    assert "--miner.solver" in said and "did you mean 'direct'?" in said
    assert "constant, direct" in said
    assert "\n" not in said


def test_two_packages_with_the_same_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(package("impostor", "direct", "impostor:Solver"), tmp_path, monkeypatch)
    with pytest.raises(SettingsError, match=r"'direct'.*(impostor.*logicnet|logicnet.*impostor)"):
        load_solver("constant")


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError"),
        ("raise RuntimeError('line one\\nline two')", "RuntimeError: line one line two"),
        ("", "AttributeError"),
        ("class Solver:\n    def __init__(self, needed): ...", "TypeError"),
        ("class Solver: ...", "no `async def solve`"),
        ("def", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit"),
    ],
)
def test_a_package_that_cannot_provide_it_is_named_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, said: str
) -> None:
    name = f"broken_{abs(hash(module))}"
    install(package("broken-solver", "broken", f"{name}:Solver", module), tmp_path, monkeypatch)
    with pytest.raises(SettingsError) as caught:
        load_solver("broken")
    assert "broken-solver" in str(caught.value) and said in str(caught.value)
    assert "\n" not in str(caught.value)
    load_solver("constant")  # others are not in its way


WITH_SETUP = """
from logicnet.errors import SettingsError

class Solver:
    def __init__(self, model):
        self.model = model

    @classmethod
    def from_setup(cls, setup):
        if setup.model == "none":
            raise SettingsError("--miner.llm_client.model: none is no model")
        return cls(setup.model)

    async def solve(self, challenge, deadline, models): ...
"""


def test_a_solver_that_wants_to_know_is_built_from_the_setup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(package("curious-solver", "curious", "curious:Solver", WITH_SETUP), tmp_path, monkeypatch)
    assert getattr(load_solver("curious", Setup(model="Qwen")), "model", "") == "Qwen"
    assert getattr(load_solver("curious"), "model", "") is None
    with pytest.raises(SettingsError, match=r"^--miner\.llm_client\.model: none is no model$"):
        load_solver("curious", Setup(model="none"))


def test_the_flag_that_named_it_is_in_the_error() -> None:
    with pytest.raises(SettingsError, match=r"^--miner\.shadow: no solver is named 'dirct'"):
        load_solver("dirct", flag="--miner.shadow")
