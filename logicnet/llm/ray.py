"""The model servers that run as jobs of a Ray cluster, as its dashboard lists them.

A job that serves says so in its metadata: `logicnet.port`, and `logicnet.model` if the server has more models
than one. Ray itself is not imported: the miner needs none.
"""

import asyncio
import importlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlsplit

from loguru import logger
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from logicnet._util.net import connect_url
from logicnet.errors import ModelError
from logicnet.llm._types import Spec

_WITHIN_S = 5.0


class _Replica(BaseModel):
    """The metadata of a job, whose values are words."""

    model_config = ConfigDict(frozen=True)

    port: Annotated[int, Field(gt=0, lt=65536, alias="logicnet.port")]
    model: Annotated[str | None, Field(alias="logicnet.model")] = None


class _RayJob(BaseModel):
    """As Ray 2.60 lists it, as far as it matters here."""

    model_config = ConfigDict(frozen=True)

    submission_id: str | None = None
    status: str = ""
    metadata: Mapping[str, str] | None = None
    driver_agent_http_address: str | None = None  # of the node that it runs on


_JOBS = TypeAdapter(list[_RayJob])


async def replicas(cluster: Spec) -> Mapping[str, Spec]:
    """The servers that run now, by their base URL, with the settings of `cluster`. Raises ModelError."""
    httpx2 = await asyncio.to_thread(importlib.import_module, "httpx2")  # few miners have a cluster
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=_WITHIN_S) as http:
            reply = (await http.get(f"{cluster.url.rstrip('/')}/api/jobs/")).raise_for_status()
        jobs = _JOBS.validate_json(reply.content)
    except (httpx2.HTTPError, ValidationError) as error:
        raise ModelError(
            f"no Ray cluster answers at {cluster.url} ({type(error).__name__}): start one with `ray start "
            "--head --dashboard-host 0.0.0.0`, or correct `ray` in the file of endpoints"
        ) from None
    found = {}
    for job in jobs:
        host = urlsplit(job.driver_agent_http_address or "").hostname
        if job.status != "RUNNING" or "logicnet.port" not in (job.metadata or {}) or host is None:
            continue
        try:
            one = _Replica.model_validate(job.metadata)
        except ValidationError:
            logger.debug("The job {} of {} names no port in logicnet.port", job.submission_id, cluster.url)
            continue
        url = f"{connect_url(host, one.port)}/v1"
        found[url] = replace(cluster, url=url, model=one.model or cluster.model, ray=False)
    return found
