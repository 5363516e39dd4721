"""The wiring as a picture for elsewhere: SVG (also the page's), Mermaid, Graphviz' DOT, JSON; all of one geometry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape

from fleethub.model.text import flat
from fleethub.views.picture import Box, Wiring

HEADS = {"node": "Nodes", "proxy": "Proxies", "model": "Models", "backend": "Backends"}
#: kind of an edge -> how Mermaid and DOT draw it: as the page does.
MERMAID = {"primary": "-->", "fallback": "-.->", "direct": "==>"}
DOT = {"primary": "solid", "fallback": "dashed", "direct": "dotted"}
#: What the page's own style says, for a file that stands alone; light and dark as whoever looks has it.
LOOK = """
svg { font: 13px system-ui, sans-serif; background: #fff; }
text { fill: #18202c; } .w-head, .w-note { fill: #566274; font-size: 11px; } .w-name { font-weight: 600; }
.w-box { fill: #fff; stroke: #9aa7b8; } .w-box.trouble { stroke: #b02318; stroke-width: 2; }
.w-box.unknown, .w-box.absent { stroke-dasharray: 4 3; }
.w-edge { fill: none; stroke: #1f5fbf; }
.w-edge.fallback { stroke-dasharray: 6 4; } .w-edge.direct { stroke-dasharray: 2 3; }
@media (prefers-color-scheme: dark) {
  svg { background: #191f28; } text { fill: #e6eaf0; } .w-box { fill: #191f28; } .w-edge { stroke: #7db2ff; }
}
"""


def svg(wiring: Wiring, alone: bool = False) -> str:
    """The picture; ``alone``: as a file, with its style and its size. What others named is escaped."""
    size = f'viewBox="0 0 {wiring.width} {wiring.height}"'
    if alone:
        size += f' xmlns="http://www.w3.org/2000/svg" width="{wiring.width:g}" height="{wiring.height:g}"'
    lines = [f'<svg {size} role="img" aria-label={_quoted(wiring.says)}>']
    lines += [f"<style>{LOOK}</style>"] if alone else []
    lines += [f'  <text class="w-head" x="{x}" y="18">{HEADS[kind]}</text>' for kind, x in wiring.heads.items()]
    for edge in wiring.edges:
        lines.append(f'  <path class="w-edge {edge.kind}" d="{edge.path}"><title>{_text(edge.says)}</title></path>')
    for box in wiring.boxes:
        lines += _box(box)
    return "\n".join((*lines, "</svg>"))


def mermaid(wiring: Wiring) -> str:
    """A flowchart, for a README or the description of a change."""
    names = _names(wiring)
    lines = ["flowchart LR"]
    for kind, head in HEADS.items():
        boxes = [box for box in wiring.boxes if box.kind == kind]
        if boxes:
            lines.append(f"  subgraph {head}")
            lines += [f"    {names[box.kind, box.name]}[{_mermaid(box)}]" for box in boxes]
            lines.append("  end")
    for edge in wiring.edges:
        lines.append(f"  {_name(names, edge.start)} {MERMAID[edge.kind]} {_name(names, edge.end)}")
    for state, look in (("trouble", "stroke:#b02318,stroke-width:2px"), ("unknown", "stroke-dasharray:4 3")):
        alike = [names[box.kind, box.name] for box in wiring.boxes if box.state == state]
        if alike:
            lines += [f"  classDef {state} {look}", f"  class {','.join(alike)} {state}"]
    return "\n".join(lines)


def dot(wiring: Wiring) -> str:
    """Graphviz' language."""
    names = _names(wiring)
    lines = ["digraph fleet {", "  rankdir=LR; node [shape=box, style=rounded];"]
    for box in wiring.boxes:
        colour = ', color="#b02318"' if box.state == "trouble" else ""
        dashed = ', style="rounded,dashed"' if box.state in ("unknown", "absent") else ""
        lines.append(f"  {names[box.kind, box.name]} [label={_dot(box)}{colour}{dashed}];")
    for edge in wiring.edges:
        says = f"tooltip={json.dumps(flat(edge.says), ensure_ascii=False)}"
        ends = f"{_name(names, edge.start)} -> {_name(names, edge.end)}"
        lines.append(f"  {ends} [style={DOT[edge.kind]}, {says}];")
    return "\n".join((*lines, "}"))


def graph_data(wiring: Wiring) -> Iterator[dict[str, Any]]:
    """A line for each box and edge."""
    for box in wiring.boxes:
        yield {"type": "box", "kind": box.kind, "name": box.name, "detail": box.note, "state": box.state}
    for edge in wiring.edges:
        ends = {"from": [edge.start.kind, edge.start.name], "to": [edge.end.kind, edge.end.name]}
        yield {"type": "edge", "kind": edge.kind, **ends, "says": edge.says}


def _box(box: Box) -> list[str]:
    said = (
        box.name
        + (f": {box.note}" if box.note else "")
        + (f" ({box.state})" if box.state not in ("there", "spec") else "")
    )
    place = f'x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}"'
    room = box.width - 20  # of the widest usual fonts, bold and small
    name, note = _text(_short(box.name, room / 8.4)), _text(_short(box.note, room / 6.4))
    return [
        f"  <g><title>{_text(said)}</title>",
        f'  <rect class="w-box {box.state}" {place} rx="7"/>',
        f'  <text class="w-name" x="{box.x + 10}" y="{box.y + 17}">{name}</text>',
        f'  <text class="w-note" x="{box.x + 10}" y="{box.y + 32}">{note}</text></g>',
    ]


def _short(text: str, most: float) -> str:
    text, length = flat(text), int(most)
    return text if len(text) <= length else text[: length - 1] + "…"


def _text(text: str) -> str:
    return escape(flat(text), {'"': "&quot;", "'": "&#39;"})


def _quoted(text: str) -> str:
    return f'"{_text(text)}"'


def _names(wiring: Wiring) -> dict[tuple[str, str], str]:
    """Names that every language takes: what others named stands in labels alone."""
    return {(box.kind, box.name): f"{box.kind}{number}" for number, box in enumerate(wiring.boxes)}


def _name(names: Mapping[tuple[str, str], str], box: Box) -> str:
    return names[box.kind, box.name]


def _mermaid(box: Box) -> str:
    """A label in quotation marks; what is markup in it is written as a character's number, as Mermaid reads it."""
    lines = [flat(line) for line in (box.name, box.note) if line]
    marks = "".join("#quot;" if c == '"' else f"#{ord(c)};" if c in "<>&`#;" else c for c in "\n".join(lines))
    return '"' + marks.replace("\n", "<br/>") + '"'


def _dot(box: Box) -> str:
    lines = [flat(line).replace("\\", "\\\\").replace('"', '\\"') for line in (box.name, box.note) if line]
    return '"' + "\\n".join(lines) + '"'
