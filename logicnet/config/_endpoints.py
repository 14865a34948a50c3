"""Endpoints: the model servers of the settings, from base URLs and TOML files."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Self

from dotenv import dotenv_values
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from logicnet._util.parsing import parse, read, validate
from logicnet.config._words import quoted
from logicnet.errors import SettingsError
from logicnet.llm import Limit, Spec
from logicnet.settings import LlmClientSettings, fit_base_url, is_endpoint_file

_ENV_FILE = Path(".env")

_Name = Annotated[str, Field(min_length=1)]
_Positive = Annotated[float, Field(gt=0, strict=False)]  # 5 is as good as 5.0


_TAKES = {
    "endpoint": "one or more tables [[endpoint]]",
    "ray": "the dashboard of a Ray cluster, like http://10.0.0.1:8265",
    "url": "a base URL like http://127.0.0.1:8000/v1, without password, query or endpoint",
}


class _EndpointFields(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class _EndpointTable(_EndpointFields):
    """One table [[endpoint]]."""

    url: Annotated[str, AfterValidator(fit_base_url)] | None = None
    ray: Annotated[str, AfterValidator(fit_base_url)] | None = None  # the dashboard of a cluster
    model: _Name | None = None
    key_env: _Name | None = None
    weight: _Positive = 1.0
    most_calls: Annotated[int, Field(gt=0)] | None = None
    timeout_s: _Positive | None = None
    router: bool = False
    paid: bool = False
    tokens_per_day: Annotated[int, Field(gt=0)] | None = None
    money_per_day: _Positive | None = None
    price_in: _Positive | None = None
    price_out: _Positive | None = None

    @model_validator(mode="after")
    def _limited(self) -> Self:
        if (self.url is None) == (self.ray is None):
            raise ValueError("needs url, of a server, or ray, the dashboard of a Ray cluster, and not both")
        if self.ray is not None and self.paid:
            raise ValueError("ray is for servers of your own; paid = true needs url")
        limits = (self.tokens_per_day, self.money_per_day)
        prices = (self.price_in, self.price_out)
        if not self.paid and any((*limits, *prices)):
            raise ValueError("limits and prices are for servers with paid = true")
        if self.paid and sum(limit is not None for limit in limits) != 1:
            raise ValueError("paid = true needs tokens_per_day or money_per_day, and not both")
        if self.money_per_day is not None and None in prices:
            raise ValueError("money_per_day needs price_in and price_out, each of a million tokens")
        if self.tokens_per_day is not None and any(prices):
            raise ValueError("prices are for money_per_day, not for tokens_per_day")
        return self

    @property
    def limit(self) -> Limit | None:
        if self.tokens_per_day is not None:
            return Limit(self.tokens_per_day)
        if self.money_per_day is None:
            return None
        return Limit(self.money_per_day, self.price_in or 0.0, self.price_out or 0.0, money=True)


class _EndpointsFile(_EndpointFields):
    endpoint: Annotated[list[_EndpointTable], Field(min_length=1)]


def endpoints(
    client: LlmClientSettings, environ: Mapping[str, str] = os.environ, env_file: Path = _ENV_FILE
) -> list[Spec]:
    """The model servers in their given order. Raises SettingsError.

    `--miner.llm_client.model` and `.key` apply to those given as a URL. A file has its own, and names the
    variables that hold its keys.
    """
    found: list[Spec] = []
    for source in client.sources:
        if is_endpoint_file(source):
            found += _in_file(Path(source).expanduser(), environ, env_file)
        else:
            found.append(Spec(source, client.model, client.key))
    names = [(spec.url.rstrip("/"), spec.model) for spec in found]
    for spec, name in zip(found, names, strict=True):
        if names.count(name) > 1:
            raise SettingsError(
                f"--miner.llm_client.base_url names {quoted(spec.url)} twice: leave one out; a file can set "
                "its weight."
            )
    return found


def _in_file(path: Path, environ: Mapping[str, str], env_file: Path) -> Iterator[Spec]:
    where, data = str(path), read(path, f"--miner.llm_client.base_url {path}")
    listed = validate(_EndpointsFile, parse(data, where), where, _TAKES).endpoint
    kept = dotenv_values(env_file, interpolate=False) if env_file.is_file() else {}

    def variable(name: str) -> str:
        return environ.get(name) or kept.get(name) or ""

    for number, one in enumerate(listed, 1):
        yield Spec(
            one.url or str(one.ray),
            one.model,
            _key(one, f"{where}: endpoint {number}", variable),
            one.weight,
            one.most_calls,
            one.timeout_s,
            one.limit,
            one.router,
            one.ray is not None,
        )


def _key(one: _EndpointTable, where: str, variable: Callable[[str], str]) -> SecretStr | None:
    if one.key_env is None:
        return None
    key = variable(one.key_env)
    if not key:
        raise SettingsError(
            f"{where}: key_env is {quoted(one.key_env)}, which neither the environment nor .env sets."
        )
    if not re.fullmatch(r"[!-~]+", key):  # it travels in an HTTP header
        raise SettingsError(f"{where}: the variable {quoted(one.key_env)} takes a key without spaces.")
    return SecretStr(key)
