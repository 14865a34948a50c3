from pathlib import Path

from logicnet.llm import EndpointStatus
from logicnet.operate.telemetry.meter import Meter
from logicnet.operate.telemetry.state import State, servers
from tests.unit.ledger.facts import admitted, answered, epoch
from tests.unit.operate.telemetry.views import NOW_S, view


def test_it_comes_back_as_it_was_told(tmp_path: Path) -> None:
    meter = Meter()
    meter(admitted("a", epoch(1), question="hunter2"))
    meter(admitted("b", epoch(2), allowed_s=40.0))
    meter(admitted("done", epoch(3)))
    meter(answered("done"))
    with view(tmp_path / "l.sqlite", meter) as seen:
        text = seen.state().model_dump_json()
    state = State.model_validate_json(text)
    assert [(one.challenge_id, one.ends_at_s) for one in state.solving] == [("b", 740.0), ("a", 760.0)]
    assert state.ledger == str(tmp_path / "l.sqlite")
    assert [one.kept for one in state.volumes] == [1]
    assert [one.announced for one in state.volumes] == [80]
    assert '"promised":80' in text and "announced" not in text  # the key of earlier versions
    assert state.network is not None and (state.network.rank, state.network.stake) == (2, 12.0)
    assert state.standing is not None
    assert (state.standing.tao_a_day, state.standing.free, state.standing.replaced_before) == (20.0, 7, 0)
    assert [one.error for one in state.servers] == ["", "The model server is away"]
    assert [one.down_since_s for one in state.servers] == [None, NOW_S - 12.0]
    assert "hunter2" not in text and "account-77" not in text


def test_servers_on_one_host_are_told_apart_without_their_paths() -> None:
    standing = [
        EndpointStatus(f"https://h/v1/{path}", True, "", 0, None, False, 0.0)
        for path in ("one", "two", "three")
    ]
    assert [one.name for one in servers(standing, NOW_S)] == ["h", "h (2)", "h (3)"]
