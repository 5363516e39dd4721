"""What a type of node has to say of everything that is its own. All of it is a function of values.

A type owns its table in the spec, its files and what a change of one entails, the variables and paths that are
FleetHub's in them, what its templates see, how it is started, stopped and asked whether it runs, what shows that a
file found on a machine is one of its own, and how the models that it calls are read back out of its files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

from fleethub.model.dataclass import dataclass

if TYPE_CHECKING:
    from pydantic import BaseModel

    from fleethub.model.actions import Query, SetCheck
    from fleethub.model.consuming import Node
    from fleethub.model.finding import Finding
    from fleethub.model.fleet import Fleet
    from fleethub.model.readings.host import HostReading
    from fleethub.model.secret import Text
    from fleethub.nodetypes.endpoints import ModelEndpoint
    from fleethub.nodetypes.found import Adopted, FoundNode, FoundWay
    from fleethub.nodetypes.projection import Projection

Format = Literal["json", "yaml", "dotenv", "text", "key"]  # key: a secret and nothing else
#: The formats that hold secrets.
SECRET: frozenset[Format] = frozenset(("dotenv", "key"))
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class FileType:
    """One file that nodes of a type have. ``role`` is its key in ``[nodes.x.files]``.

    ``path``: where it lies below the target unless the spec says otherwise; empty: only where the spec says so.
    ``hot``: a running process takes a change of it over by itself; ``told``: when it is told to (``NodeType.tell``).
    ``process``: the node's own process reads it, so it belongs to the node's uid. ``wiring``: it says which models the
    node calls, where, or with which key. ``public``: variables of FleetHub's own in it whose values are no secrets.
    ``usual``: where it may lie on a machine that FleetHub did not set up, in the order in which it is looked for.
    """

    role: str
    template: str
    format: Format
    path: str = ""
    mode: int = 0o644
    hot: bool = False
    told: bool = False
    process: bool = False
    wiring: bool = False
    public: frozenset[str] = frozenset()
    usual: tuple[str, ...] = ()
    help: str = ""


@dataclass(frozen=True, slots=True)
class SpecFinding:
    """What is wrong with the value at a path of a type's table; the message goes on behind the key's own name."""

    path: KeyPath
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class SpecTable:
    """A type's own table in a node, a role or the defaults: ``[nodes.x.NAME]``.

    ``model`` imports and returns its pydantic model; None: any keys. ``check`` judges the table as it is written in
    one place; ``owned`` names the paths that FleetHub writes itself, of the merged table and whether ``manage`` is
    "whole".
    """

    name: str
    help: str
    model: Callable[[], type[BaseModel]] | None = None
    check: Callable[[Mapping[str, Any]], Iterator[SpecFinding]] = lambda settings: iter(())
    owned: Callable[[Mapping[str, Any], bool], Iterable[KeyPath]] = lambda settings, whole: ()


@dataclass(frozen=True, slots=True)
class Probe:
    """How to see that a node runs: its answer to GET ``path`` on its machine's loopback; port 0: it is not asked."""

    port: int = 0
    path: str = "/healthz"


@dataclass(frozen=True, slots=True)
class PublishedSchema:
    """A JSON Schema that a program publishes for its config: its file in ``schemas/``, and what prints it."""

    name: str
    made_by: str


class NodeType(Protocol):
    """One type of node."""

    @property
    def name(self) -> str:
        """What the spec writes as ``type`` and what its folder of templates is called."""

    @property
    def title(self) -> str:
        """What people call the program."""

    @property
    def table(self) -> SpecTable | None:
        """Its own table in the spec."""

    @property
    def files(self) -> tuple[FileType, ...]:
        """All files that a node may have, in the order in which they are rendered and, on the node, renamed."""

    @property
    def port(self) -> int:
        """The port that a node listens on unless the spec says otherwise; 0: none that is known."""

    @property
    def overlay(self) -> str:
        """The role of the file that its own table of the spec is merged into; empty: none."""

    @property
    def providers(self) -> bool:
        """Whether its config names providers that the spec may use: ``[nodes.x.wiring]``."""

    @property
    def consumers_only(self) -> bool:
        """Whether it is made by a block of ``[consumers]`` alone, and is no ``type`` of a node."""

    @property
    def manage(self) -> Literal["whole", "wiring"]:
        """Whose its files are where the spec does not say it."""

    @property
    def home(self) -> str:
        """The folder of the operator's home that a node may have as its target, like ``~/.x``; empty: none.

        A program that has one may lie elsewhere on this machine: then its whole path may be the target.
        """

    @property
    def ignores(self) -> frozenset[str]:
        """The fields that say nothing of such a node, so that they are a mistake on it."""

    def lets_in(self, node: Node, origin: str) -> bool:
        """Whether a page of this origin may use it, as far as FleetHub's part of its files says."""

    @property
    def required(self) -> frozenset[str]:
        """The fields that a node must have beside host, model and target."""

    @property
    def context_min(self) -> int:
        """Tokens below which a model's context leaves its program no room to work."""

    @property
    def tools(self) -> tuple[str, ...]:
        """The programs on its machine that run it."""

    def owns_variable(self, name: str, settings: Mapping[str, Any]) -> bool:
        """Whether ``[nodes.x.env]`` may not set a variable; ``settings`` is the node's table of the type."""

    def files_of(self, node: Node) -> tuple[FileType, ...]:
        """The files that a node has, in the order of ``files``."""

    def folders(self, node: Node) -> tuple[str, ...]:
        """Folders below the target that must exist, belonging to the node's uid, before it is activated."""

    def endpoints(self, fleet: Fleet, node: Node) -> tuple[ModelEndpoint, ...]:
        """Where each step of the node's chain leads, primary first. Raises ``Unwired``."""

    def context(self, fleet: Fleet, node: Node) -> Mapping[str, object]:
        """All that templates get to see; secrets in it are slots. Raises ``Unwired``."""

    def precheck(self, fleet: Fleet, node: Node) -> tuple[Finding, ...]:
        """What is wrong with the node's block, before anything is rendered."""

    def finish(self, file: FileType, node: Node, text: Text) -> Text:
        """The final text of a rendered file; raises ValueError when it is not what the file must be."""

    def schema(self, node: Node) -> PublishedSchema | None:
        """What the node's config is held against; None: no schema is known."""

    def check(
        self, fleet: Fleet, node: Node, files: Mapping[str, Text], schema: Mapping[str, Any] | None = None
    ) -> tuple[Finding, ...]:
        """What FleetHub itself finds wrong with the rendered files, by role; ``schema`` where it is at hand."""

    def chain(self, node: Node, files: Mapping[str, bytes]) -> tuple[str, ...] | None:
        """The models that a node's files name, by role, primary first; None: they cannot be read."""

    def calls(self, node: Node, files: Mapping[str, bytes]) -> tuple[str, ...]:
        """The same where ``chain`` says nothing, for people alone: it is compared with nothing. Empty: not known."""

    def consequence(self, file: FileType, node: Node, before: bytes | None = None, after: bytes | None = None) -> str:
        """What the node will do when this file changes."""

    def activation(self, node: Node) -> tuple[str, ...]:
        """The command, run at the target, that makes the node use its files; empty: none is known."""

    def tell(self, node: Node) -> Query | None:
        """What makes a running process take over a changed file that it must be told of; None: nothing does."""

    def turns(self, node: Node) -> tuple[Query, ...]:
        """Calls of a model by the running process with the key that it has by now: one that succeeds proves it."""

    def logs(self, node: Node, lines: int) -> tuple[str, ...]:
        """The command, run at the target, that prints the last lines of its log; empty: none is known."""

    def project(self, node: Node) -> str:
        """The Compose project that the node's containers are grouped under; empty: there are none."""

    def probe(self, node: Node) -> Probe:
        """How to see that the node runs."""

    def validation(self, node: Node) -> tuple[SetCheck, ...]:
        """The commands on the node that judge a set of files before it is put in place."""

    def machine(self, node: Node, reading: HostReading, applied: bool) -> tuple[Finding, ...]:
        """What on the node's machine is in its way; ``applied``: FleetHub has put the node there before."""

    def recognise(self, file: FileType, data: bytes) -> str:
        """What shows that bytes from a machine are this file: names in it, never a value; empty: nothing does."""

    def projection(self, fleet: Fleet, node: Node, file: FileType, text: Text) -> Projection | None:
        """Of a node with ``manage = "wiring"``: what of a rendered file is FleetHub's; None: all of it."""

    def keeps(self, fleet: Fleet, node: Node) -> frozenset[str]:
        """The proxies of which a wired node's key stays where and as it is found."""

    def check_merged(
        self, node: Node, before: Mapping[str, bytes], after: Mapping[str, bytes], schema: Mapping[str, Any] | None
    ) -> tuple[Finding, ...]:
        """What is wrong with a wired node's files, by role, as they would be, and was not before."""

    def found(self, files: Mapping[str, bytes], settings: Mapping[str, Any]) -> FoundNode:
        """What a node that FleetHub did not set up calls, by its files' roles; ``settings``: its table of the type."""

    def adopted(self, found_node: FoundNode, ways: Mapping[str, FoundWay]) -> Adopted:
        """The spec's fields of a node under which ``manage = "wiring"`` leaves its files as they are, byte for byte.

        ``ways``: where each provider leads, by its id; one that leads nowhere in the fleet is not in it.
        """


def paths(kind: NodeType, node: Node) -> dict[str, str]:
    """Where each of a node's files goes, relative to the target, by role."""
    return {file.role: node.files.get(file.role, file.path) for file in kind.files_of(node)}
