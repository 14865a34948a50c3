from io import StringIO

from rich.console import Console
from rich.text import Text

from logicnet._util.tables import plain_table


def test_markup_of_strangers_is_shown_and_not_obeyed() -> None:
    out = StringIO()
    Console(file=out, width=60).print(plain_table(("miner", "why"), [("[red]a[/]", Text("late"))]))
    assert [line.split() for line in out.getvalue().splitlines()] == [["miner", "why"], ["[red]a[/]", "late"]]
