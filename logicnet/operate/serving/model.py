"""Model: the facts of a language model that are known before it is loaded, and the counts that follow."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Gt, MinLen
from pydantic import BaseModel, ConfigDict, model_validator

Precision = Literal["full", "fp8", "awq", "mxfp4", "gptq"]
"""Precision of weights in memory: 16 bits as published; 8-bit floats; 4 bits in groups (AWQ, GPTQ, MXFP4)."""

Count = Annotated[int, Gt(0)]


class Model(BaseModel):
    """One entry of a catalogue. Parameters in 1e9, `context` and `window` in tokens.

    `stored` is the precision of the checkpoint itself; `loads_gib` the size of its weights in memory, where
    it is known; `vllm_until` the last vLLM that served it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: Annotated[str, MinLen(1)]
    family: str = ""
    specialisation: str = ""
    year: int | None = None
    documented_vram_gb: Annotated[float, Gt(0)] | None = None
    parameters_b: Annotated[float, Gt(0)]
    active_b: Annotated[float, Gt(0)] | None = None
    layers: Count
    hidden: Count
    intermediate: Count
    mlp_matrices: Count = 3
    experts: Count = 1
    heads: Count
    kv_heads: Count
    head_size: Count
    vocab: Count
    tied: bool = False
    context: Count
    window: Count | None = None
    license: str = ""
    gated: bool = False
    thinks: bool = False
    answers: bool = True
    stored: Precision = "full"
    loads_gib: Annotated[float, Gt(0)] | None = None
    awq: str | None = None
    vllm_until: str | None = None
    source: str

    @model_validator(mode="after")
    def _possible(self) -> Model:
        if self.heads % self.kv_heads:
            raise ValueError(f"heads ({self.heads}) must be a multiple of kv_heads ({self.kv_heads})")
        if self.active_b is not None and self.active_b > self.parameters_b:
            raise ValueError("active_b is more than parameters_b")
        return self

    @property
    def parameters(self) -> float:
        return self.parameters_b * 1e9

    @property
    def active_parameters(self) -> float:
        """Parameters that one token passes through; fewer than all in a mixture of experts."""
        return (self.active_b or self.parameters_b) * 1e9

    @property
    def embedding_parameters(self) -> int:
        """Input embedding and output layer. Quantisation leaves both alone."""
        return self.vocab * self.hidden * (1 if self.tied else 2)

    @property
    def expert_parameters(self) -> int:
        """The MLP layers, all experts together."""
        return self.layers * self.experts * self.mlp_matrices * self.hidden * self.intermediate

    @property
    def counted_parameters(self) -> int:
        """Parameters by the shapes alone, without norms and biases (under 1 % of any model here)."""
        attention = self.hidden * self.head_size * (2 * self.heads + 2 * self.kv_heads)
        return self.embedding_parameters + self.expert_parameters + self.layers * attention
