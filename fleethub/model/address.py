"""How a managed thing is named: ``key.main.volta``, ``route.main.qwen3-32b``, ``node.volta``."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

#: Number of parts of an address of each kind, its kind included. Later dots belong to the last part.
PARTS = {"node": 2, "consumer": 2, "backend": 2, "proxy": 2, "fleet": 2, "key": 3, "route": 3, "model": 3}
#: What a terminal obeys, and what ends a line.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Address(NamedTuple):
    """A kind and a name. ``name`` of a key or route is ``<proxy>.<alias>``; an alias may hold dots.

    A tuple, for it is what nearly all is looked up by and sorted by: a plan of a thousand nodes does it 300,000 times.
    """

    kind: str
    name: str

    @classmethod
    @lru_cache(maxsize=1024)  # a lockfile names the same few routes with each node
    def parse(cls, text: str) -> Address:
        """Read ``kind.name``; raises ValueError that says what is allowed."""
        kind, dot, name = text.partition(".")
        if kind not in PARTS:
            raise ValueError(f"{text!r} is no address: it starts with one of {', '.join(sorted(PARTS))}")
        if not dot or not name or (PARTS[kind] == 3 and not all(name.partition("."))):
            of = "BACKEND.NAME" if kind == "model" else "PROXY.ALIAS"
            shape = f"{kind}.{of}" if PARTS[kind] == 3 else f"{kind}.NAME"
            raise ValueError(f"{text!r} is no address: a {kind} is named {shape}")
        if CONTROL.search(text):  # it is printed as it is, and a lockfile or a plan may be a stranger's
            raise ValueError(f"{text!r} is no address: a name has no control characters")
        return cls(kind, name)

    @property
    def owner(self) -> str:
        """The proxy (key, route) or backend (model) that the name starts with; the name itself for others."""
        return self.name.partition(".")[0]

    @property
    def alias(self) -> str:
        """The last part: a key's or a model's alias, a node's name."""
        return self.name.partition(".")[2] if PARTS[self.kind] == 3 else self.name

    def __str__(self) -> str:
        return f"{self.kind}.{self.name}"


def key(proxy: str, alias: str) -> Address:
    """The address of a LiteLLM key."""
    return Address("key", f"{proxy}.{alias}")


def route(proxy: str, alias: str) -> Address:
    """The address of a model alias on a proxy."""
    return Address("route", f"{proxy}.{alias}")


def model(backend: str, name: str) -> Address:
    """The address of a model on a backend's server, by its name there."""
    return Address("model", f"{backend}.{name}")


def node(name: str) -> Address:
    """The address of a node."""
    return Address("node", name)


def consumer(name: str) -> Address:
    """The address of a consumer that is no node."""
    return Address("consumer", name)


#: The kinds whose blocks are a fleet's ``nodes``: whoever calls models.
CALLERS = ("node", "consumer")


#: What follows a name in the address of what is left behind at an earlier place; no name of a spec holds it.
WAS = "@was"


def successor(address: Address) -> Address | None:
    """Who comes in the place of what is left behind; None for what is not."""
    name, was, _ = address.name.partition(WAS)
    return Address(address.kind, name) if was else None


def turn(address: Address) -> int:
    """Which of the old places that are left it is, from 0: a later one has more."""
    return int(address.name.partition(WAS)[2] or 0)


def caller_name(text: str) -> str:
    """The name of a node or consumer, which may be named by its address, too."""
    kind, _, name = text.partition(".")
    return name if name and kind in CALLERS else text
