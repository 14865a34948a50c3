"""Text of strangers, made safe to show on a terminal or a page."""


def one_line(text: str, most: int | None = None) -> str:
    """`text` on one line, without control characters; cut to `most` characters with an ellipsis."""
    if most is not None:
        text = text[: 2 * most]  # bounds the work; white space may shrink what is left
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return plain if most is None or len(plain) <= most else plain[: most - 1] + "…"
