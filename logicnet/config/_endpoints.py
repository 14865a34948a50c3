"""Endpoints: the model servers of the settings; base URLs as they are, TOML files read."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Self

from dotenv import dotenv_values
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from logicnet.config._words import quoted
from logicnet.errors import SettingsError
from logicnet.llm import Limit, Spec
from logicnet.settings import LlmClientSettings, fit_base_url, is_endpoint_file

_ENV_FILE = Path(".env")

_Name = Annotated[str, Field(min_length=1)]
_Positive = Annotated[float, Field(gt=0, strict=False)]  # 5 is as good as 5.0


class _EndpointFields(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class _Endpoint(_EndpointFields):
    """One table of the file."""

    url: Annotated[str, AfterValidator(fit_base_url)]
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
    endpoint: Annotated[list[_Endpoint], Field(min_length=1)]


def endpoints(
    client: LlmClientSettings, environ: Mapping[str, str] = os.environ, env_file: Path = _ENV_FILE
) -> list[Spec]:
    """The model servers, in the order they were given. `--miner.llm_client.model` and `.key` are of
    those that were given as a URL; a file names its own, and the variables that hold the keys.

    Raises SettingsError, in one line, if a file cannot be read or used, or a server is there twice.
    """
    found: list[Spec] = []
    for place in client.places:
        if is_endpoint_file(place):
            found += _in_file(Path(place).expanduser(), environ, env_file)
        else:
            found.append(Spec(place, client.model, client.key))
    known: set[tuple[str, str | None]] = set()
    for spec in found:
        name = (spec.url.rstrip("/"), spec.model)
        if name in known:
            raise SettingsError(
                f"--miner.llm_client.base_url names {quoted(spec.url)} twice: once is enough, "
                "and a file can give it more weight."
            )
        known.add(name)
    return found


def _in_file(path: Path, environ: Mapping[str, str], env_file: Path) -> Iterator[Spec]:
    try:
        listed = _EndpointsFile.model_validate(tomllib.loads(path.read_text("utf-8"))).endpoint
    except FileNotFoundError:
        raise SettingsError(f"--miner.llm_client.base_url: there is no file {quoted(str(path))}.") from None
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: not UTF-8 text.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not TOML: {error}.") from None
    except ValidationError as error:
        raise SettingsError(f"{path}: {_wrong(error)}") from None
    kept = dotenv_values(env_file, interpolate=False) if env_file.is_file() else {}

    def variable(name: str) -> str:
        return environ.get(name) or kept.get(name) or ""

    for number, one in enumerate(listed, 1):
        yield Spec(
            one.url,
            one.model,
            _key(one, f"{path}: endpoint {number}", variable),
            one.weight,
            one.most_calls,
            one.timeout_s,
            one.limit,
            one.router,
        )


def _key(one: _Endpoint, where: str, variable: Callable[[str], str]) -> SecretStr | None:
    if one.key_env is None:
        return None
    key = variable(one.key_env)
    if not key:
        raise SettingsError(
            f"{where}: key_env says {quoted(one.key_env)}, which neither the environment nor .env has."
        )
    if not re.fullmatch(r"[!-~]+", key):  # it travels in an HTTP header
        raise SettingsError(f"{where}: the variable {quoted(one.key_env)} takes a key without spaces.")
    return SecretStr(key)


def _wrong(error: ValidationError) -> str:
    """The first complaint, in the file's own words."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    said = first["msg"].removeprefix("Value error, ")
    if first["loc"] == ("endpoint",) or not first["loc"]:
        return "there is nothing in it that begins with [[endpoint]], and at least one server is needed."
    known = {
        "extra_forbidden": f"is no word of it; there are {', '.join(_Endpoint.model_fields)}",
        "missing": "is missing",
    }
    where = [f"endpoint {part + 1}" if isinstance(part, int) else str(part) for part in first["loc"]]
    if where[0] == "endpoint" and len(where) > 1:
        del where[0]
    if where[-1] == "url" and first["type"] == "value_error":
        said = "takes a base URL like http://127.0.0.1:8000/v1, without password, query or endpoint"
    return f"{', '.join(where)}: {known.get(first['type'], said[:1].lower() + said[1:])}."
