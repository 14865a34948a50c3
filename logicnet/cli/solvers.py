"""`logicnet solvers`."""

from logicnet.errors import SettingsError


def command() -> None:
    """List the solvers that --miner.solver takes."""
    from logicnet.solver import load_solver, solver_names  # noqa: PLC0415

    for name in solver_names():
        try:
            doc = load_solver(name).__doc__ or ""
        except SettingsError as error:  # a package that is broken; the others still count
            doc = str(error)
        print(f"{name:<16} {doc.strip().partition(chr(10))[0]}".rstrip())
