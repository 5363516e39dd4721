"""Geometry of the pictures: a bar of VRAM and the wiring. The page and ``views.graph`` draw them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from fleethub.model.capacity import Bar
from fleethub.model.dataclass import dataclass
from fleethub.model.fleet_status import BackendStatus, FleetStatus, NodeStatus
from fleethub.model.text import gib, plural

PARTS = ("resident", "planned", "unplanned", "reserve")
SHOWN = 24  # nodes drawn one by one; more are drawn by what they share
ROW, BOX, GAP = 52, 40, 12
COLUMNS = {"node": (8, 218), "proxy": (306, 126), "model": (512, 190), "backend": (782, 170)}
WIDTH = 960


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar, in thousandths of its width."""

    part: str
    start: float
    width: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """A bar: ``limit`` is where the GPU ends, below 1000 when more is wanted than it has."""

    segments: tuple[Segment, ...]
    limit: float
    label: str


@dataclass(frozen=True, slots=True)
class Box:
    """A thing of the picture; ``state`` there, absent, unknown, trouble, or spec: nobody looked, it is wanted so."""

    kind: str
    name: str
    note: str
    x: float
    y: float
    width: float
    state: str = "there"
    height: float = BOX


@dataclass(frozen=True, slots=True)
class Edge:
    """A line from one box to another; ``kind`` primary, fallback or direct (round the proxy)."""

    path: str
    kind: str
    says: str
    start: Box
    end: Box


@dataclass(frozen=True, slots=True)
class Wiring:
    """The whole picture; ``says`` is for who does not see it."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    height: float
    says: str
    grouped: bool
    heads: Mapping[str, float] = field(default_factory=dict)
    width: float = WIDTH


def bar(gpu: Bar) -> Drawn:
    """A GPU's parts side by side."""
    sizes = [(part, getattr(gpu, part)) for part in PARTS]
    whole = max(gpu.total, sum(size for _, size in sizes)) or 1
    segments, at = [], 0.0
    for part, size in sizes:
        width = 1000 * size / whole
        if size:
            segments.append(Segment(part, round(at, 2), round(width, 2)))
        at += width
    said = ", ".join(f"{gib(size)} {part}" for part, size in sizes if size)
    left = f"{gib(gpu.headroom)} free" if gpu.headroom >= 0 else f"{gib(-gpu.headroom)} too much"
    return Drawn(tuple(segments), round(1000 * gpu.total / whole, 2), f"{gpu.gpu}, {gib(gpu.total)}: {said}, {left}")


def wiring(status: FleetStatus, shown: int = SHOWN) -> Wiring:
    """Nodes, proxies, models and backends in columns, with what leads where; ``shown``: nodes drawn one by one."""
    groups, grouped = _groups(status.nodes, shown)
    proxies = {p.name: p for p in status.proxies}
    used = [m for m in status.models if m.nodes or m.keys]
    backends = {b.name: b for b in status.backends}
    columns: dict[str, list[tuple[str, str, str]]] = {
        "node": [(_title(names), _chain(chain), state) for names, chain, state, _ in groups],
        "proxy": [(p.name, "LiteLLM", p.state) for p in status.proxies],
        "model": [(m.name, f"{m.context:,} tokens", "there") for m in used],
        "backend": [(b.name, _said(b), _trouble(b)) for b in status.backends],
    }
    height = max((len(rows) for rows in columns.values()), default=1) * ROW + 44
    boxes: dict[tuple[str, str], Box] = {}
    drawn = []
    for kind, rows in columns.items():
        x, width = COLUMNS[kind]
        top = 36 + (height - 44 - len(rows) * ROW) / 2
        for i, (name, note, state) in enumerate(rows):
            box = Box(kind, name, note, x, round(top + i * ROW, 1), width, state)
            drawn.append(box)
            boxes[kind, name] = box
    edges = []
    for names, chain, _, through in groups:
        start = boxes["node", _title(names)]
        for proxy in through:
            if proxy in proxies:
                edges.append(_edge(start, boxes["proxy", proxy], "primary", f"{start.name} calls {proxy}"))
        for hop in chain:
            model, _, direct = hop.partition(" via ")
            backend = direct.rpartition(".")[0]
            if direct and ("backend", backend) in boxes:
                edges.append(_edge(start, boxes["backend", backend], "direct", f"{start.name} calls {model} directly"))
    primaries = {chain[0] for _, chain, _, _ in groups if chain}
    for alias in used:
        kind = "primary" if alias.name in primaries or alias.keys else "fallback"
        box = boxes["model", alias.name]
        if alias.proxy is not None and alias.proxy in proxies:
            edges.append(_edge(boxes["proxy", alias.proxy], box, kind, f"{alias.proxy} serves {alias.name}"))
        edges += [
            _edge(box, boxes["backend", name], kind, f"{alias.name} runs on {name}")
            for name in alias.backends
            if name in backends
        ]
    says = (
        f"{plural(len(status.nodes), 'node')} to {plural(len(status.proxies), 'proxy', 'proxies')} to "
        f"{plural(len(used), 'model')} on {plural(len(status.backends), 'backend')}; the table of nodes says the same"
    )
    heads = {kind: COLUMNS[kind][0] for kind, rows in columns.items() if rows}
    return Wiring(tuple(drawn), tuple(dict.fromkeys(edges)), height, says, grouped, heads)


Group = tuple[tuple[str, ...], tuple[str, ...], str, tuple[str, ...]]


def _groups(nodes: Sequence[NodeStatus], shown: int) -> tuple[list[Group], bool]:
    """Nodes one by one, or, where they are many, those together that share chain, proxies and state."""
    if len(nodes) <= shown:
        return [((n.name,), n.chain, _state(n), n.proxies) for n in nodes], False
    found: dict[tuple[tuple[str, ...], str, tuple[str, ...]], list[str]] = {}
    for node in nodes:
        found.setdefault((node.chain, _state(node), node.proxies), []).append(node.name)
    return [(tuple(names), chain, state, proxies) for (chain, state, proxies), names in found.items()], True


def _state(node: NodeStatus) -> str:
    return "trouble" if node.drift or node.change == "blocked" else node.state


def _trouble(backend: BackendStatus) -> str:
    return "trouble" if backend.placed and backend.fit not in ("", "fits", "unknown") else backend.state


def _said(backend: BackendStatus) -> str:
    if backend.state not in ("there", "spec"):
        return "not observed"
    return f"plan: {backend.fit}" if backend.placed else "nothing planned"


def _title(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _chain(chain: Iterable[str]) -> str:
    return " → ".join(chain)


def _edge(start: Box, end: Box, kind: str, says: str) -> Edge:
    x1, y1 = start.x + start.width, start.y + start.height / 2
    x2, y2 = end.x, end.y + end.height / 2
    bend = (x2 - x1) / 2
    path = f"M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}"
    return Edge(path, kind, says, start, end)
