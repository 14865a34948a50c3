"""Run in the training environment: FOLDER MODEL SITE_PACKAGES. Two miners use `Actions` with real models.

The documents' program, first without an event loop, then awaited. What logicnet needs and the training
environment lacks is taken from SITE_PACKAGES. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

folder, base = Path(sys.argv[1]), sys.argv[2]
sys.path.append(sys.argv[3])

from tests.harness.hub import LoopbackHub, loopback_hub  # noqa: E402


def act(hub: LoopbackHub) -> dict[str, Any]:
    import torch  # noqa: PLC0415
    from bittensor.sp_core import Keypair  # noqa: PLC0415
    from pydantic import SecretStr  # noqa: PLC0415

    from logicnet.chain import CommitmentChain  # noqa: PLC0415
    from logicnet.settings import Settings, TuningSettings  # noqa: PLC0415
    from logicnet.tuning.compete.actions import Actions  # noqa: PLC0415
    from tests.harness.mini_substrate import MiniChain  # noqa: PLC0415

    mini = MiniChain(netuid=6)

    def actions(name: str) -> Actions:
        signer = Keypair.create_from_uri(f"//{name}")
        mini.add(signer.ss58_address)
        settings = Settings(hf_token=SecretStr(hub.token), tuning=TuningSettings(folder=folder / name))
        chain = CommitmentChain(
            network="ws://127.0.0.1:9",
            netuid=6,
            signer=signer,
            timeout_s=60,
            open_substrate=mini.open,
        )
        config = SimpleNamespace(hf_repo_id=f"maker/{name}", settings=settings)
        return Actions.create(config, SimpleNamespace(hotkey=signer), chain)

    first, second = actions("first"), actions("second")
    metagraph = SimpleNamespace(hotkeys=[one.hotkey for one in mini.neurons])

    model = first.load_local_model(base)
    first.save(model, str(folder / "model-foo"))
    pushed = first.push(first.load_local_model(folder / "model-foo").model)

    async def awaited() -> tuple[Any, Any, Any]:
        model, tokenizer = await second.load_remote_model(0, metagraph, folder / "mydir")
        with torch.no_grad():
            model.model.norm.weight.add_(0.5)
        return model, tokenizer, await second.push(model, tokenizer, "m1")

    changed, tokenizer, again = asyncio.run(awaited())
    of_repo = first.load_repo_model("maker/second", hub.head(("models", "maker/second")), folder / "third")

    def same(one: Any, other: Any) -> bool:
        left, right = one.state_dict(), other.state_dict()
        return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)

    return {
        "commits": len(mini.commits),
        "texts": [pushed.text, again.text],
        "changed": not same(model.model, changed),
        "same": same(of_repo.model, changed),
        "said": of_repo.tokenizer.decode(tokenizer("1 + 2 = 3")["input_ids"]),
        "template": of_repo.tokenizer.chat_template == model.tokenizer.chat_template,
    }


if __name__ == "__main__":
    with loopback_hub() as hub:
        os.environ |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "hf"), "HF_HUB_DISABLE_XET": "1"}
        os.environ |= {"BTCLI_TOKEN_SYMBOLS_CACHE": str(folder / "symbols.json")}
        print(json.dumps(act(hub)))
