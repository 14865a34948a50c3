from __future__ import annotations

from pathlib import Path

import pytest

from logicnet.errors import SettingsError
from logicnet.evals.bench.contestants import load_contestants
from logicnet.evals.bench.plan import BenchPlan

PEERS = Path(__file__).parents[4] / "examples" / "solvers"

SOLVER = """
class {name}:
    async def solve(self, challenge, deadline, models):
        ...
"""


def test_solvers_come_by_name_and_peers_by_file():
    found = load_contestants(["direct", f"{PEERS}/plain_call.py", f"{PEERS}/beta_self_consistency.py"])
    assert [one.name for one in found] == ["direct", "plain_call", "beta_self_consistency"]
    assert all(callable(one.solver.solve) for one in found)


def test_one_of_several_classes_is_named(tmp_path):
    file = tmp_path / "two.py"
    file.write_text(SOLVER.format(name="First") + SOLVER.format(name="Second"))
    first, second = load_contestants([f"{file}:First", f"{file}:Second"])
    assert (first.name, second.name) == ("First", "Second")
    with pytest.raises(SettingsError, match=r"has 2 classes .* name one, as .*two\.py:First"):
        load_contestants([str(file)])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("x = 1", "has 0 classes with `async def solve`; it needs one"),
        (
            "import no_such_module_anywhere",
            "needs the module no_such_module_anywhere, which is not installed",
        ),
        ("def broken(:", "cannot be read: SyntaxError"),
        ("raise SystemExit('bye')", "cannot be read: SystemExit: bye"),
        (SOLVER.format(name="S") + "    def __init__(self, needed): ...", "cannot be used: TypeError"),
    ],
)
def test_a_file_that_is_no_peer_says_why_in_one_line(tmp_path, content, said):
    file = tmp_path / "peer.py"
    file.write_text(content)
    with pytest.raises(SettingsError) as error:
        load_contestants([str(file)])
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_what_a_peer_needs_is_in_the_requirements_beside_it(tmp_path):
    (tmp_path / "peer.py").write_text("import no_such_module_anywhere")
    (tmp_path / "requirements.txt").write_text("no-such-module\n")
    with pytest.raises(SettingsError, match=r"pip install -r .*requirements\.txt"):
        load_contestants([f"{tmp_path}/peer.py"])


def test_a_peer_may_be_called_as_the_package_it_uses(tmp_path):
    (tmp_path / "json.py").write_text(
        "import json\n" + SOLVER.format(name="S") + "\nassert json.loads('1') == 1"
    )
    assert load_contestants([f"{tmp_path}/json.py"])[0].name == "json"


@pytest.mark.parametrize("given", ["", ", ", []])
def test_a_bench_has_a_solver(given):
    with pytest.raises(SettingsError, match="--solvers is empty"):
        BenchPlan.parse({"solvers": given})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["drict"], "--solvers: no solver is named 'drict'; did you mean 'direct'"),
        (["direct", "direct"], "'direct' is given twice"),
        (["missing/peer.py"], "--solvers: cannot read missing/peer.py: No such file"),
        ([f"{PEERS}/plain_call.py:Nobody"], "has no class Nobody"),
    ],
)
def test_who_cannot_take_part_is_named(given, said):
    with pytest.raises(SettingsError) as error:
        load_contestants(given)
    assert said in str(error.value)
