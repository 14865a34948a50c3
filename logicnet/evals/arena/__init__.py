"""A validator on this machine: how it signs what it asks. The rest is imported by its own name."""

from logicnet.evals.arena.signing import (
    Signer,
    btauth_headers,
    btauth_request,
    classic_body,
    classic_headers,
    classic_request,
)

__all__ = [
    "Signer",
    "btauth_headers",
    "btauth_request",
    "classic_body",
    "classic_headers",
    "classic_request",
]
