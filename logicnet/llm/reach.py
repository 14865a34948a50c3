"""An endpoint that must answer now: that of a judge, a reference or a bench. A miner's may come later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from loguru import logger
from pydantic import SecretStr

from logicnet.errors import ModelError, SettingsError
from logicnet.llm.endpoint import Endpoint

PROBE_S = 30.0  # a model that is silent for so long would fail every question


@contextmanager
def unheard() -> Iterator[None]:
    """Silence the endpoint's warnings: only the operator of a miner needs them. Do not nest."""
    logger.disable("logicnet.llm")
    try:
        yield
    finally:
        logger.enable("logicnet.llm")


async def reach(
    role: str, url: str, model: str | None = None, key: SecretStr | None = None, *, flag: str
) -> Endpoint:
    """An endpoint that has just answered; the caller closes it. `flag`: the flag that gave `url`.

    Raises SettingsError if `url` is not an address, and ModelError if the model there does not answer.
    """
    try:
        endpoint = Endpoint(url, model, key)
    except SettingsError as error:
        raise SettingsError(str(error).replace("--miner.llm_client.base_url", flag, 1)) from None
    try:
        probe = await endpoint.probe(PROBE_S)
    except BaseException:
        await endpoint.close()
        raise
    if probe.error:
        await endpoint.close()
        raise ModelError(f"the {role} does not answer: {probe.error}")
    return endpoint
