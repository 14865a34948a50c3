"""A grammar of mutations of a signed request: of its line, headers, values, body and framing.

What is mutated is no good to begin with: used up, or signed by or for somebody else. So the miner must not
admit it, whatever is changed.
"""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

Lines = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Draft:
    """A request before it is written. `length`: the body's, as the head says it; None: not said."""

    headers: Lines
    body: bytes
    method: bytes = b"POST"
    target: bytes = b"/LogicSynapse"
    version: bytes = b"HTTP/1.1"
    length: bytes | None = None
    chunk: int = 0  # bytes of each; 0: not chunked
    newline: bytes = b"\r\n"

    @classmethod
    def of(cls, headers: Mapping[str, str], body: bytes) -> Self:
        lines = tuple((name.encode(), value.encode()) for name, value in headers.items())
        return cls(lines, body, length=b"%d" % len(body))

    def raw(self) -> bytes:
        framing: Lines = ()
        body = self.body
        if self.chunk:
            framing += ((b"transfer-encoding", b"chunked"),)
            parts = [body[at : at + self.chunk] for at in range(0, len(body), self.chunk)]
            body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))
        if self.length is not None:
            framing += ((b"content-length", self.length),)
        line = b" ".join((self.method, self.target, self.version))
        head = [line, *(name + b": " + value for name, value in self.headers + framing)]
        return self.newline.join((*head, b"", b"")) + body

    def but(self, **changes: object) -> Draft:
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


def mutated(drafts: Sequence[Draft], chance: random.Random) -> bytes:
    """One of the drafts with one to three mutations; what only the bytes can have comes last."""
    draft = chance.choice(drafts)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        draft = chance.choice((_line, _lines, _value, _value, _value, _body, _framing))(draft, drafts, chance)
    raw = draft.raw()
    if chance.random() < 0.1:
        other = chance.choice(drafts).raw()
        raw = chance.choice(
            (raw + other, other + raw, b"\r\n" + raw, raw[: chance.randrange(len(raw))], _bytes(raw, chance))
        )
    return raw


# Productions.

_TARGETS = (
    *(b"/LogicSynapse", b"/Information", b"//LogicSynapse", b"/LogicSynapse/", b"/%4cogicSynapse"),
    *(b"/logicsynapse", b"/LogicSynapse?x=1", b"/LogicSynapse#x", b"http://x/LogicSynapse", b"*"),
    *(b"/a/../LogicSynapse", b"/LogicSynapse%00", b"/", b"", b"/" + b"a" * 300),
)
_METHODS = (b"POST", b"GET", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT", b"post", b"PO\x00ST")
_VERSIONS = (b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.1x", b"")


def _line(draft: Draft, drafts: Sequence[Draft], chance: random.Random) -> Draft:
    part, choices = chance.choice((("target", _TARGETS), ("method", _METHODS), ("version", _VERSIONS)))
    return draft.but(**{part: chance.choice(choices)})


def _lines(draft: Draft, drafts: Sequence[Draft], chance: random.Random) -> Draft:
    """Headers: one lost, doubled, renamed; all in another order; another's with them."""
    lines = list(draft.headers)
    if not lines:
        return draft
    at = chance.randrange(len(lines))
    name, value = lines[at]
    match chance.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines.insert(
                chance.randrange(len(lines) + 1), (name, chance.choice((value, _changed(value, chance))))
            )
        case 2:
            odd = (name + b" ", b" " + name, name + b"\x00", name + b":", b"", name.upper())
            like = (name.swapcase(), name.replace(b"_", b"-"), name.replace(b"-", b"_"))
            lines[at] = chance.choice((*odd, *like)), value
        case 3:
            chance.shuffle(lines)
        case 4:
            lines += chance.choice(drafts).headers
        case 5:  # folded, as HTTP/1.0 allowed
            lines[at] = name, value[: len(value) // 2] + b"\r\n " + value[len(value) // 2 :]
    return draft.but(headers=tuple(lines))


def _value(draft: Draft, drafts: Sequence[Draft], chance: random.Random) -> Draft:
    """One header's value: changed, or that of another request."""
    if not draft.headers:
        return draft
    at = chance.randrange(len(draft.headers))
    name, value = draft.headers[at]
    theirs = dict(chance.choice(drafts).headers).get(name, b"")
    new = theirs if chance.random() < 0.4 else _changed(value, chance)
    return draft.but(headers=(*draft.headers[:at], (name, new), *draft.headers[at + 1 :]))


def _changed(value: bytes, chance: random.Random) -> bytes:
    if value.isdigit() and chance.random() < 0.7:
        number = int(value)
        second = 10**9
        near = (number + 1, number - 1, number + second, number - second, number + 59 * second)
        far = (-number, number * 10, number % 10**18, 0, 2**63, 2**64, 10**400)
        forms = (b"+%b", b" %b", b"0%b", b"%b.0", b"%be0", b"0x%b", b"%b_", b"%b\t", b"\xd9\xa1%b")
        return chance.choice((*(b"%d" % one for one in (*near, *far)), *(form % value for form in forms)))
    if value.startswith(b"0x") and chance.random() < 0.7:
        digit = b"0123456789abcdef"[chance.randrange(16)]
        at = chance.randrange(2, len(value))
        changed = value[:at] + bytes((digit,)) + value[at + 1 :]
        zeros, short = b"0x" + b"0" * (len(value) - 2), value[:at]
        return chance.choice((changed, changed, zeros, short, value + b"00", value.upper(), value[2:]))
    return chance.choice((_bytes(value, chance), _bytes(value, chance), b"", value.swapcase(), value * 40))


def _bytes(data: bytes, chance: random.Random) -> bytes:
    """Any bytes: one changed, put in or taken out; some repeated; all of them others."""
    at = chance.randrange(len(data) + 1)
    one = bytes((chance.randrange(256),))
    return chance.choice(
        (
            *(data[:at] + one + data[at + 1 :], data[:at] + one + data[at:], data[:at] + data[at + 1 :]),
            *(data[:at] + data[max(0, at - 8) :], chance.randbytes(min(len(data), 200))),
        )
    )


_JSON = (None, True, 0, -1, 1e308, 10**400, "", "x", "\ud800", "\u202e", [], {}, [[[]]], {"hotkey": "x"})


def _body(draft: Draft, drafts: Sequence[Draft], chance: random.Random) -> Draft:
    body = draft.body
    match chance.randrange(6):
        case 0:
            body = chance.choice(drafts).body
        case 1:
            body = chance.choice(
                (b"", b"\xef\xbb\xbf" + body, body.decode("latin-1").encode("utf-16"), b"[" * 50_000)
            )
        case 2:
            body = _bytes(body, chance)
        case 3:  # a request in a request
            body = chance.choice(drafts).raw()
        case _:
            try:
                fields = json.loads(body)
                name = chance.choice(list(fields))
            except (ValueError, IndexError, TypeError, RecursionError):
                return draft
            value = json.dumps(chance.choice(_JSON))
            whole = json.dumps(fields | {name: "here"}).replace('"here"', value, 1)
            twice = f"{json.dumps(fields)[:-1]}, {json.dumps(name)}: {value}}}"
            body = chance.choice((whole, twice)).encode()
    honest = draft.length == b"%d" % len(draft.body)
    return draft.but(body=body, length=b"%d" % len(body) if honest else draft.length)


def _framing(draft: Draft, drafts: Sequence[Draft], chance: random.Random) -> Draft:
    size = len(draft.body)
    match chance.randrange(5):
        case 0:
            lengths = (size + 1, max(0, size - 1), 0, 2**31, 2**64, -1)
            return draft.but(
                length=chance.choice((*(b"%d" % one for one in lengths), b"", b"x", b"+1", b"1,1"))
            )
        case 1:
            return draft.but(
                headers=(*draft.headers, (b"Content-Length", b"%d" % chance.randrange(2 * size + 1)))
            )
        case 2:
            both = chance.random() < 0.5
            return draft.but(chunk=chance.randrange(1, 400), length=draft.length if both else None)
        case 3:
            return draft.but(newline=b"\n")
        case _:
            names = (b"Expect", b"100-continue"), (b"Upgrade", b"h2c"), (b"Connection", b"close, x")
            more = (b"Transfer-Encoding", b"gzip, chunked"), (b"Trailer", b"x-bittensor-nonce")
            return draft.but(headers=(*draft.headers, chance.choice((*names, *more))))
