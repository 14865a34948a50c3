"""Does a Ray cluster have the nodes and GPUs that a plan takes? Its dashboard says so."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from logicnet.errors import LogicnetError

_WITHIN_S = 10.0


class _RayNode(BaseModel):
    model_config = ConfigDict(frozen=True)

    state: str
    resources_total: Mapping[str, float]


class _Listed(BaseModel):
    result: tuple[_RayNode, ...]


class _Data(BaseModel):
    result: _Listed


class _Reply(BaseModel):
    """Of Ray's state API (2.60), as far as it matters here."""

    data: _Data


def gpus_of_nodes(url: str) -> Sequence[int]:
    """GPUs of each node that lives, the most first. Raises LogicnetError."""
    import httpx2  # noqa: PLC0415 (few plans are for a cluster)

    try:
        reply = httpx2.get(
            f"{url.rstrip('/')}/api/v0/nodes?detail=1", trust_env=False, timeout=_WITHIN_S
        ).raise_for_status()
        nodes = _Reply.model_validate_json(reply.content).data.result.result
    except (httpx2.HTTPError, httpx2.InvalidURL, ValidationError) as error:
        raise LogicnetError(
            f"--ray {url}: no Ray dashboard answers there ({type(error).__name__}); it is at port 8265 of "
            "the first host: `ray start --head --dashboard-host 0.0.0.0`"
        ) from None
    return sorted(
        (int(one.resources_total.get("GPU", 0)) for one in nodes if one.state == "ALIVE"), reverse=True
    )


def check_cluster(url: str, hosts: int, gpus: int) -> str:
    """A line that says that `hosts` nodes have `gpus` GPUs each. Raises LogicnetError if they do not."""
    found = gpus_of_nodes(url)
    able = sum(one >= gpus for one in found)
    there = (
        f"Ray at {url} has {len(found)} node{'s' * (len(found) != 1)} with {', '.join(map(str, found))} GPUs"
    )
    if able >= hosts:
        return f"{there}: as planned."
    raise LogicnetError(
        f"{there}, and the plan takes {hosts} with {gpus} each: on each missing host `ray start --address "
        f"HEAD:6379 --num-gpus {gpus}`"
    )
