"""Commands made of `Flags`: each field with a description becomes an option."""

from collections.abc import Callable, Iterator
from inspect import Parameter, Signature
from typing import Annotated, Any, TypeVar

import annotated_types
import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from logicnet._util.flags import Flag, Flags

AnyFlags = TypeVar("AnyFlags", bound=Flags)

_ON_THE_COMMAND_LINE: dict[Any, Any] = {SecretStr | None: str | None, tuple[str, ...]: list[str] | None}
_FORMER = "__former"  # behind the name of a field: the option of its former name


def takes(model: type[AnyFlags]) -> Callable[[Callable[[AnyFlags], int | None]], Callable[..., int | None]]:
    """Make a command whose options are the fields of `model`, its own before those that it inherits.

    Words that are no options go into its field `words`, if it has one.
    """

    def decorate(run: Callable[[AnyFlags], int | None]) -> Callable[..., int | None]:
        def command(context: typer.Context, **values: Any) -> int | None:
            given: dict[str, Any] = {"words": context.args} if "words" in model.model_fields else {}
            for name, value in values.items():
                source = context.get_parameter_source(name)
                if source is not None and source.name != "DEFAULT":
                    given[name.removesuffix(_FORMER)] = value
            return run(model.parse(given))

        classes = [model, *reversed(model.__mro__[1:])]
        names = dict.fromkeys(name for one in classes for name in vars(one).get("__annotations__", ()))
        options = [one for name in names for one in _options(model, name)]
        context = Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context)
        command.__signature__ = Signature([context, *options])  # type: ignore[attr-defined]
        command.__name__, command.__doc__ = run.__name__, run.__doc__
        return command

    return decorate


def _options(model: type[Flags], name: str) -> Iterator[Parameter]:
    field = model.model_fields.get(name)
    if field is None or not field.description:
        return
    flag = model.flag(name)
    yield _option(name, field, flag, flag.names)
    if flag.former:
        yield _option(name + _FORMER, field, flag, (flag.former,), hidden=True)


def _option(
    name: str, field: FieldInfo, flag: Flag, names: tuple[str, ...], *, hidden: bool = False
) -> Parameter:
    if flag.argument:
        return Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            annotation=Annotated[field.annotation, typer.Argument(help=field.description)],
        )
    kind: Any = str if flag.commas else _ON_THE_COMMAND_LINE.get(field.annotation, field.annotation)
    default = Parameter.empty if field.is_required() else field.default
    if kind in (bool, bool | None) and default is not False:
        names = (f"{names[0]}/--no-{names[0].removeprefix('--')}",)
    option = typer.Option(
        *names,
        help=field.description,
        envvar=flag.variable,
        hidden=hidden,
        show_default=flag.variable is None and default is not False,
        min=_bound(field, annotated_types.Ge),
        max=_bound(field, annotated_types.Le),
    )
    default = (",".join(default) if flag.commas else None) if isinstance(default, tuple) else default
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])


def _bound(field: FieldInfo, kind: type[annotated_types.Ge] | type[annotated_types.Le]) -> float | None:
    found = next((one for one in field.metadata if isinstance(one, kind)), None)
    return getattr(found, kind.__name__.lower()) if found is not None else None
