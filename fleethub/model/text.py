"""Numbers for people, and words of others: what a server, a node or another project says is shown as data."""

from __future__ import annotations

import json
import re
from decimal import ROUND_DOWN, Decimal

_BARE = re.compile(r"[A-Za-z0-9_-]+")
GIB = 1 << 30
LONGEST = 160  # characters that are passed on of what somebody else says

#: A whole sequence that a terminal obeys; what is left of one (a lone escape) is no printable character.
_ANSI = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
)
#: Printable by Unicode's tables, and seen by nobody: what a name or a sentence can be hidden in.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
#: Of these the user is a name that everybody may know; of others it may be the token itself.
_LOGINS = ("ssh:", "git+ssh:", "sftp:", "rsync:")
#: No scheme is longer than that, and from every letter of a long word all that follow would be looked at.
_SCHEME = r"[a-z][a-z0-9+.-]{0,30}:"
_USERINFO = re.compile(rf"(?P<to>(?P<scheme>{_SCHEME})?[/\\]{{2}})(?P<who>[^\s/\\?#\"'<>]*)@", re.IGNORECASE)
#: What Markdown, HTML or XML would take for markup, wherever it stands in a line.
_MARKUP = str.maketrans({"`": "'", "<": "‹", ">": "›"})
_MARKS = re.compile(r"([\\*_\[\]|@#])")
_LINK = re.compile(r"\](?=[(:\[])")
_KEY = re.compile(
    r"sk-[^\s'\",;)]+|\b[0-9a-fA-F]{16,}\b|\bfhs(?:eed1|k)_[\w-]+"
    r"|\b(?i:bearer|basic)\s+[\w.~+/=-]{8,}|\beyJ[\w-]{8,}\.[\w.-]+"  # headers, JSON Web Tokens
)
_DIRECT = re.compile(r"(.+)( via [\w.-]{1,130}| \([\w.-]{1,130}\))", re.DOTALL)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?(Z|\+00:00)?|\+00:00)")
_PLAIN = re.compile(r"\.?\w[\w.:/@+-]{0,63}")


def gib(size: float) -> str:
    """Bytes as ``21.3 GiB``: binary, one decimal."""
    return f"{size / GIB:.1f} GiB"


def amount(value: float) -> str:
    """A number as somebody wrote it, whole, without an exponent: ``20``, ``0.0004``, ``1234567.5``."""
    text = f"{Decimal(str(value)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(value: float) -> str:
    """A sum that was spent, in whole cents that are not more, and below one in two digits: no sum is nothing."""
    value = round(value, 9)  # sums of small floats end a little below what they are
    if 0 < value < 0.01:
        return amount(float(f"{value:.1e}"))
    return f"{Decimal(str(value)).quantize(Decimal('0.01'), ROUND_DOWN):f}"


def plural(count: int, noun: str, several: str = "") -> str:
    """``1 key``, ``3 keys``; ``several`` where an s will not do."""
    return f"{count} {noun}" if count == 1 else f"{count} {several or noun + 's'}"


def span(seconds: float) -> str:
    """A stretch of time for people, in its largest whole unit: ``6 days``, ``1 hour``, ``40 seconds``."""
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= size:
            return plural(round(seconds / size), unit)
    return plural(max(1, round(seconds)), "second")


def moment(at: str, minutes: bool = False) -> str:
    """A moment (ISO 8601 in UTC) for people, to the second or ``minutes``: ``2026-11-28T09:06:32+00:00``. What is none
    stays as it is.
    """
    return f"{at[: 16 if minutes else 19]}+00:00" if _MOMENT.fullmatch(at) else at


def name_key(name: str) -> str:
    """What the name of an owner or a project is compared by: its letters and digits, without case.

    ``TiLT Claw``, ``TiltClaw`` and ``tilt-claw`` are one. A name without any letter or digit is only itself.
    """
    if name.isascii():
        return "".join(c for c in name.casefold() if c.isalnum()) or f"={name.strip()}"
    from unicodedata import category, normalize  # few names need it, and every session's start comes by here

    letters = (c for c in normalize("NFC", normalize("NFC", name).casefold()))
    return "".join(c for c in letters if c.isalnum() or category(c)[0] == "M") or f"={name.strip()}"


def same_name(one: str, other: str) -> bool:
    """Whether two names are one owner's or project's: see ``name_key``."""
    return name_key(one) == name_key(other)


def bare(text: str) -> str:
    """The text with the credentials of every URL in it taken out; of ``ssh://user:password@host`` the user stays."""
    return _USERINFO.sub(_without, text) if "@" in text else text


def _without(found: re.Match[str]) -> str:
    user, scheme = found["who"].partition(":")[0], (found["scheme"] or "").lower()
    return f"{found['to']}{user}@" if user and scheme in _LOGINS else found["to"]


def flat(text: str) -> str:
    """A text that others wrote as one line of what can be seen, without the credentials of a URL."""
    text = bare(text)
    if text.isprintable() and not _UNSEEN.search(text):
        return text
    text = _UNSEEN.sub("", _ANSI.sub(" ", text))
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def tame(text: str) -> str:
    """A line for people and sessions in which nothing is markup; its own first character starts no heading or list."""
    return _LINK.sub("] ", flat(text).translate(_MARKUP)).lstrip("#*+-=|~ ").rstrip().replace("~~~", "---")


def heard(text: str, most: int = LONGEST) -> str:
    """What a server, a program or a node said, fit to be passed on: one line, short, without what looks like a key or
    a digest of one (LiteLLM repeats both), without quotation marks that would end a quotation.
    """
    said = tame(_KEY.sub("…", text[: most * 64])).replace('"', "'")
    return said if len(said) <= most else said[: most - 1] + "…"


def without_keys(text: str) -> str:
    """A line of others as a whole: what can be seen of it, without what looks like a key or a digest of one."""
    return _KEY.sub("…", flat(text))


def quoted(text: str, most: int = LONGEST) -> str:
    """The same between quotation marks: it is somebody else's, and no word of FleetHub's. Empty for nothing."""
    said = heard(text, most)
    return f'"{said}"' if said else ""


def markdown(text: str, most: int = 2000) -> str:
    """What others said as words of a Markdown line: no emphasis, table cell, mention, reference or link of theirs."""
    return _MARKS.sub(r"\\\1", heard(text, most))


def hop(text: str) -> str:
    """One step of a chain; only the alias is free: ``ALIAS``, ``ALIAS via BACKEND.ENDPOINT`` or in parentheses."""
    direct = _DIRECT.fullmatch(text)
    return f"{named(direct[1])}{direct[2]}" if direct else named(text)


def table_name(name: str) -> str:
    """A name as the head of a TOML table has it: ``[keys.web]``, ``[keys."my web"]``."""
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def named(name: str, most: int = 64) -> str:
    """A name that others choose (an owner, an alias, a tag): as it is when it is one word, else quoted and short."""
    return name if _PLAIN.fullmatch(name) and not _UNSEEN.search(name) else quoted(name, most)
