"""The telemetry server as the miner builds it."""

from pathlib import Path

import httpx2

from logicnet.axon import ConcurrencyLimiter
from logicnet.ledger import Ledger
from logicnet.llm import Endpoint
from logicnet.operate.telemetry.build import restored_meter, telemetry_server
from logicnet.operate.telemetry.monitored import monitored
from logicnet.operate.telemetry.state import State, View
from logicnet.protocol import Hotkey
from logicnet.settings import Settings
from tests.unit.ledger.facts import ALICE, admitted, answered, epoch
from tests.unit.operate.telemetry.views import Network


def test_a_restarted_miner_knows_what_it_had_kept(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "l.sqlite") as ledger:
        ledger.record(admitted("a", epoch(1)))
        ledger.record(answered("a"))
    with Ledger.open(tmp_path / "l.sqlite") as ledger:
        (volume,) = restored_meter(ledger).volumes()
    assert (volume.validator, volume.given, volume.kept) == (ALICE, 1, 1)


def test_metrics_and_state_are_served_together(tmp_path: Path) -> None:
    models = monitored(Endpoint("http://127.0.0.1:1/v1"))
    with Ledger.open(tmp_path / "l.sqlite") as ledger:
        meter = restored_meter(ledger)
        view = View(
            Settings().miner, Hotkey("5Me"), meter, ledger, models, Network(None), ConcurrencyLimiter(3)
        )
        with telemetry_server(view, Settings().admin) as port:
            meter(admitted("a", epoch(1)))
            url = f"http://127.0.0.1:{port}"
            state = State.model_validate_json(httpx2.get(f"{url}/state", trust_env=False).content)
            page = httpx2.get(f"{url}/metrics", trust_env=False).text
    assert (state.hotkey, state.network, len(state.servers)) == ("5Me", None, 1)
    assert 'logicnet_volume_given{validator="5Alice"}' not in page  # its epoch ended in 1970
    assert 'logicnet_endpoint_up{endpoint="127.0.0.1:1"} 1.0' in page
