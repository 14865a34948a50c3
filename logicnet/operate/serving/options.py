"""The flags of `logicnet plan` and `logicnet vllm`."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from logicnet._util.flags import Flag, Flags
from logicnet.errors import SettingsError


class PlanOptions(Flags):
    """Without `vram_gb`, `card` and `on_cpu` the machine's GPUs are looked at."""

    model: str | None = Field(
        None,
        description="A name of `logicnet models`, or a folder; default: all that fit.",
    )
    vram_gb: Annotated[float | None, Flag(("--vram",))] = Field(
        None, description="GB of one GPU, to plan for others than those of this machine."
    )
    card: str | None = Field(
        None,
        description="Name of one GPU, as L40S or RTX 4090, to plan for others than those of this machine.",
    )
    gpus: int = Field(1, description="Number of GPUs with --vram each, or of that --card.")
    on_cpu: Annotated[bool, Flag(("--cpu",))] = Field(
        False, description="Plan for this machine without a GPU."
    )
    replicas: int = Field(
        1, ge=1, description="vLLMs side by side, each with an equal part of the GPUs, or of the cores."
    )
    catalogue: Path | None = Field(None, description="A table of models in place of ours: TOML, same form.")

    @model_validator(mode="after")
    def _is_one_machine(self) -> Self:
        given = [self.vram_gb is not None, self.card is not None, self.on_cpu]
        if "gpus" in self.model_fields_set and not any(given[:2]):
            raise SettingsError(
                "--gpus counts GPUs of the size that --vram says, or of a --card: give both, or neither"
            )
        if sum(given) > 1:
            raise SettingsError("--cpu, --vram and --card exclude each other")
        return self


class ShownPlanOptions(PlanOptions):
    """`logicnet plan`."""

    tensor_parallel_size: int | None = Field(
        None, ge=1, description="GPUs that share the model; default: as earns most."
    )
    data_parallel_size: int | None = Field(
        None, ge=1, description="Copies of the model in one vLLM; default: as many as there is room for."
    )
    hosts: int = Field(1, ge=1, description="Number of such machines; Ray joins them where one is too small.")
    ray: str | None = Field(
        None, description="Dashboard of a Ray cluster: has it the GPUs that the plan takes on --hosts?"
    )
    as_json: Annotated[bool, Flag(("--json",))] = Field(False, description="For scripts.")


class VllmOptions(PlanOptions):
    """`logicnet vllm`. Its `words` go to vLLM as they are."""

    words: tuple[str, ...] = ()
    model: str | None = Field(
        None,
        description="A name of `logicnet models` or of the hub, or a folder; default: the best that fits.",
    )
    python: str | None = Field(None, description="The Python that has vLLM; default: this one.")
    router: bool = Field(
        False,
        description="Start vllm-router in front of the --replicas, on the port behind theirs, for clients "
        "that take one address; the miner asks the replicas themselves.",
    )
    probe_every_s: float = Field(10.0, ge=0.1, description="Seconds between two probes.")
    silence_s: float = Field(
        30.0, ge=1.0, description="Seconds without a token that count as stuck; twice that under load."
    )
