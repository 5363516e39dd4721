"""How the spec's findings are worded: names shown safely, nearest names, and no secret in any text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from difflib import get_close_matches

from fleethub.fleetspec.values import SECRET
from fleethub.model.address import Address
from fleethub.model.finding import Finding, SourceLocation
from fleethub.model.secret import SENSITIVE
from fleethub.model.text import bare, named
from fleethub.model.written import KeyPath


def finding(
    code: str, message: str, place: SourceLocation | None, hint: str = "", address: Address | None = None
) -> Finding:
    """A finding in whose text everything that looks like a secret is blotted out."""
    return Finding(code, redacted(message), address, place, redacted(hint))


def redacted(text: str) -> str:
    """The text without what looks like a secret and without what a terminal would obey."""
    text = SECRET.sub(SENSITIVE, bare(text))
    return text if text.isprintable() else "".join(c if c.isprintable() else "�" for c in text)


def address_of(path: KeyPath) -> Address | None:
    """What a key path is part of, as far as it has an address of its own.

    None for a name that is not fit to be shown as it is, which an address is: a terminal may obey it.
    """
    kinds = {"proxies": "proxy", "backends": "backend", "nodes": "node", "consumers": "consumer"}
    if len(path) < 2 or path[0] not in kinds:
        return None
    name = str(path[1])
    return Address(kinds[str(path[0])], name) if named(name) == name == redacted(name) else None


def shown(name: str) -> str:
    """A name as a message shows it: quoted, short, printable."""
    # Blotted out before it is cut, or half a secret would no longer look like one.
    name = redacted(name)
    return f'"{name if len(name) <= 60 else name[:57] + "…"}"'


def dotted(path: KeyPath) -> str:
    """A key path as TOML writes it, list indices in brackets."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = re.fullmatch(r"[A-Za-z0-9_-]{1,60}", part)
            text += ("." if text else "") + (part if plain else json.dumps(shown(part)[1:-1], ensure_ascii=False))
    return text


def nearest(name: str, known: Iterable[str], what: str = "") -> str:
    """A hint: the nearest known name, or what there is."""
    choice = sorted(known)
    close = get_close_matches(name[:60], [k for k in choice if len(k) <= 128], n=1)
    if close:
        return f"did you mean {shown(close[0])}?"
    if not choice:
        return f"no {what} is defined" if what else ""
    listed = ", ".join(choice[:24]) + (", …" if len(choice) > 24 else "")
    return f"there {'is' if len(choice) == 1 else 'are'}: {listed}"
