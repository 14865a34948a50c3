"""An endpoint that is needed now. A miner's may come later; a judge's, a reference's, a bench's may not."""

from __future__ import annotations

from loguru import logger
from pydantic import SecretStr

from logicnet.errors import ModelError, SettingsError
from logicnet.llm.endpoint import Endpoint

PROBE_S = 30.0
"""A model that says nothing for so long would fail with every question."""


async def reach(
    role: str, url: str, model: str | None = None, key: SecretStr | None = None, *, flag: str
) -> Endpoint:
    """An endpoint that has just answered; the caller closes it. `flag` is where the address came from.

    Raises SettingsError if that is none, and ModelError if the model there does not answer.
    """
    try:
        endpoint = Endpoint(url, model, key)
    except SettingsError as error:
        raise SettingsError(str(error).replace("--miner.llm_client.base_url", flag, 1)) from None
    logger.disable("logicnet.llm")  # its warnings are for who runs a miner; the error is told
    try:
        probe = await endpoint.probe(PROBE_S)
    except BaseException:
        await endpoint.close()
        raise
    finally:
        logger.enable("logicnet.llm")
    if probe.error:
        await endpoint.close()
        raise ModelError(f"the {role} does not answer: {probe.error}")
    return endpoint
