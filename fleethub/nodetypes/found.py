"""What lies at a node that FleetHub did not set up, read out of its files; and the spec that would leave it as it is.

For ``fleethub import``: a type reads (``NodeType.found``), whoever imports says which proxy or backend each provider
leads to, and the type answers with the fields of ``[nodes.x]`` under which nothing of the node changes
(``NodeType.adopted``). Pure; a key's value is a ``Secret`` that has no text form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from fleethub.model.dataclass import dataclass
from fleethub.model.secret import Secret


@dataclass(frozen=True, slots=True)
class FoundKey:
    """The key of a provider, and where it stands: in ``variable`` of the env file, or in the file of ``role`` itself.

    ``value`` None: it stands somewhere else (the process's environment, a file of its own), which ``says`` names.
    """

    role: str = ""
    variable: str = ""
    value: Secret | None = field(default=None, repr=False)
    says: str = ""

    @property
    def sha256(self) -> str:
        """Hex digest of the value, which LiteLLM lists a key by (``KeyRow.token``); empty where it is not known."""
        return self.value.sha256() if self.value is not None else ""


@dataclass(frozen=True, slots=True)
class FoundProvider:
    """One way to models: ``url`` and ``api`` as they are written (empty: not at all).

    ``models``: what it calls each model -> its context in tokens; None where the file says none.
    """

    id: str
    url: str
    api: str
    models: Mapping[str, int | None]
    key: FoundKey | None = None


@dataclass(frozen=True, slots=True)
class FoundHop:
    """One step of the chain: a provider's id (empty: the type has none) and what it calls the model."""

    provider: str
    model: str


@dataclass(frozen=True, slots=True)
class FoundNode:
    """``providers`` are all that the files define, ``chain`` what the node calls, primary first.

    ``beside``: what its files name besides, as the model of one agent: a key that is narrowed to the chain would deny
    it. ``unclear``: what FleetHub cannot tell, in words; then nothing may be adopted. ``port``: where its files say
    that it listens; 0: they do not.
    """

    chain: tuple[FoundHop, ...] = ()
    beside: tuple[FoundHop, ...] = ()
    providers: tuple[FoundProvider, ...] = ()
    unclear: tuple[str, ...] = ()
    port: int = 0

    def provider(self, id: str) -> FoundProvider | None:
        """The provider of that id."""
        return next((one for one in self.providers if one.id == id), None)


@dataclass(frozen=True, slots=True)
class FoundWay:
    """Where a found provider leads in the fleet: a proxy, or ``BACKEND.ENDPOINT``.

    ``url`` and ``api``: what FleetHub itself would write there. ``aliases``: what the provider calls a model -> its
    alias in the spec. ``contexts``: alias -> tokens in the spec.
    """

    proxy: str = ""
    endpoint: str = ""
    url: str = ""
    api: str = "openai-completions"
    aliases: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Adopted:
    """``fields`` of ``[nodes.x]``, as TOML has them. ``left``: why they cannot say all, in words; then nothing may be
    imported, for a plan would change the node.
    """

    fields: Mapping[str, Any]
    left: tuple[str, ...] = ()
