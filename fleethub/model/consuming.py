"""Who calls models, as the spec means it: nodes and other consumers, and the types that they may be of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from fleethub.model.address import Address
from fleethub.model.block import Block
from fleethub.model.dataclass import dataclass
from fleethub.model.secret import SecretRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One step of a node's chain: through the model's proxy, or (``endpoint`` set) straight to a backend."""

    model: str
    backend: str | None = None
    endpoint: str | None = None  # the engine's name, or a named endpoint of the backend

    @property
    def direct(self) -> bool:
        """True when the hop goes round the proxy, so that no key is involved."""
        return self.endpoint is not None

    def __str__(self) -> str:
        return f"{self.model} via {self.backend}.{self.endpoint}" if self.direct else self.model


@dataclass(frozen=True, slots=True)
class DeclaredFile:
    """One file of a type that the fleet brings; ``path`` below the target, ``hot``: taken over while it runs."""

    role: str
    template: str
    format: Literal["json", "yaml", "dotenv", "text"]
    path: str
    mode: int
    hot: bool


@dataclass(frozen=True, slots=True)
class DeclaredType:
    """A type of node that the fleet brings itself. ``key``: the variable of its key, where
    the program prescribes one. ``port`` 0 and ``health`` empty: it is not asked whether it runs."""

    name: str
    title: str
    files: tuple[DeclaredFile, ...]
    key: str = ""
    command: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    port: int = 0
    health: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WiredProvider:
    """A provider of a node's own config through which FleetHub wires it: to ``proxy``, or to ``BACKEND.ENDPOINT``.

    ``models``: aliases that go through it; empty: all that go there. ``url`` and ``key_variable`` empty: as FleetHub
    writes them. ``keep``: what of it stays as it is found (``key`` until the key has a new value).
    """

    proxy: str = ""
    endpoint: str = ""
    models: tuple[str, ...] = ()
    url: str = ""
    key_variable: str = ""
    keep: frozenset[Literal["key", "url", "api", "context"]] = frozenset()

    def serves(self, hop: Hop, proxy: str) -> bool:
        """Whether a step of a chain, which goes by ``proxy`` unless it is direct, goes through it."""
        if self.models and hop.model not in self.models:
            return False
        return self.endpoint == f"{hop.backend}.{hop.endpoint}" if hop.direct else bool(proxy) and self.proxy == proxy


@dataclass(frozen=True, slots=True)
class Sink:
    """Commands that bring a consumer's key to where its program looks for it.

    ``command`` gets on its standard input what ``stdin`` names (``key``, ``json``, …, or a template of the fleet's);
    {url}, {model} and {models} in its words are still to be filled in. ``check`` prints the key that is there, or its
    SHA-256, and ``remove`` takes it away; empty: there is none.
    """

    command: tuple[str, ...]
    stdin: str = "key"
    check: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Node(Block):
    """A consumer of models. ``target`` and ``image`` are expanded; ``chain`` is its models, primary first.

    ``env`` values are references or plain text; ``settings`` is its type's own table; ``files`` maps the roles of its
    type's files to paths below the target. ``declared`` is its type where the fleet brings it. ``command`` makes it use
    its files, ``stop`` ends it. ``port`` 0: none is known. ``settle`` and ``timeout`` in seconds. ``wiring``: providers
    of its own config by id, with ``manage = "wiring"``. ``ignore``: what is left alone where somebody changed it,
    files or paths of FleetHub's part as a plan names them. ``consumer``: it stands in ``[consumers]``; ``sink``: what
    its key is handed to, where that is a command. ``move_state``: what it keeps itself goes along to a new target.
    ``key_store``: whether its key stands in its environment file or in a file of its own.
    """

    host: str
    type: str
    target: str
    image: str
    chain: tuple[Hop, ...]
    key: str
    manage: Literal["whole", "wiring"] = "whole"
    port: int = 0
    origins: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    uid: int = 1000
    project: str = ""
    activate: Literal["auto", "never"] = "auto"
    command: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    settle: float = 10.0
    timeout: float = 60.0
    generation: int = 1
    env: Mapping[str, SecretRef | str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    declared: DeclaredType | None = None
    wiring: Mapping[str, WiredProvider] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    move_state: bool = False
    key_store: Literal["env", "file"] = "env"
    consumer: bool = False
    sink: Sink | None = None

    @property
    def address(self) -> Address:
        """``node.NAME``, or ``consumer.NAME``."""
        return Address("consumer" if self.consumer else "node", self.name)

    @property
    def group(self) -> str:
        """The group of the spec that its block stands in."""
        return "consumers" if self.consumer else "nodes"
