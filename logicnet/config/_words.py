"""Parts of error messages. Input is quoted on one line, shortened, without control characters."""

from collections.abc import Iterable, Sequence

from logicnet.errors import SettingsError

_LONGEST_SHOWN = 60  # characters of a wrong value or name; enough to recognise it


def stop_if(wrong: Iterable[str]) -> None:
    """Raise SettingsError with a line for each fault, if there is one."""
    if lines := "\n".join(wrong):
        raise SettingsError(lines)


def hint(near: str | None) -> str:
    return (
        f"did you mean {near}?"
        if near
        else "`logicnet mine --help` lists all settings, and the command's own --help its flags."
    )


def either(names: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def plain(name: str) -> str:
    """A name as it was written."""
    return "".join(c if c.isprintable() else "?" for c in name[:_LONGEST_SHOWN])


def quoted(text: str) -> str:
    """A value as it was written."""
    return repr(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "...")
