"""What a spec would say for a node to be wanted as somebody's hand left it: its chain, and plain values of its config.

A text that somebody wrote into a file may be a secret, so none is ever carried into a spec.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from fleethub import nodetypes
from fleethub.formats import json5
from fleethub.kinds.node.attributes import NodeState
from fleethub.kinds.node.describe import drifted
from fleethub.kinds.values import Acceptance
from fleethub.model.consuming import Node
from fleethub.model.fleet import Fleet
from fleethub.model.secret import Text
from fleethub.nodetypes.projection import at, branches

A_TEXT = "it is a text, which may be a secret: write it into the spec by hand, as ${NAME} with env if it is one"


def accepted(item: NodeState, fleet: Fleet) -> Acceptance:
    """The chain, where each of its models is one of the spec; numbers and switches of the config that a type's own
    table is merged into.
    """
    found, block = drifted(item), (f"{item.address.kind}s", item.address.name)
    if found is None or item.want is None or item.seen is None:
        return Acceptance(block)
    node = item.want.material.node
    chain = dict(_chain(item, fleet))
    fields: dict[tuple[str, ...], object] = {**chain}
    left: list[tuple[str, str]] = []
    table, file, config = _overlaid(item)
    for one in found[1]:
        path, name = one.path[1:], ".".join(one.path)
        if one.path[0] != file or not path:
            said = _instead(item, one.path)
            left += [said] if said not in left else []
        elif _owned(node, path):
            left += [] if chain else [(name, "it is FleetHub's own")]
        elif (value := at_or_none(config, path)) is None and at_or_none(node.settings, path) is None:
            left.append((name, "it is FleetHub's own, or no value by itself"))
        else:
            for below, inner in branches(value):
                if inner is None or isinstance(inner, bool | int | float):
                    fields[(table, *path, *below)] = inner
                else:
                    why = A_TEXT if isinstance(inner, str) else "it is a list, or empty: write it by hand"
                    left.append((".".join((name, *below)), why))
    return Acceptance(block, fields, tuple(left))


def _instead(item: NodeState, path: tuple[str, ...]) -> tuple[str, str]:
    """A change that no spec says, and what is done about it: a file that is all FleetHub's is left alone."""
    shown = ".".join(path)
    parts = path[1:] if path[0] == "files" else path
    for file in item.want.material.files if item.want is not None else ():
        if parts[:1] == (file.path,):
            wired = file.projection.values if file.projection is not None else {}
            value = wired.get(parts[1:])
            if isinstance(value, Text) and value.slots:
                env = file.of.format == "dotenv"
                return shown, "it is a secret: its value is FleetHub's" if env else "it is FleetHub's own"
            if item.want is not None and item.want.material.node.consumer:
                return shown, "it is FleetHub's own: an apply puts it back"  # [consumers.x] has no ignore
            name = file.path if file.projection is None else ".".join(parts)
            return name, f"ignore = [{json.dumps(name)}] leaves it alone"
    return shown, "it is nothing that a spec says"


def _chain(item: NodeState, fleet: Fleet) -> Iterator[tuple[tuple[str, ...], object]]:
    """``model`` and ``fallbacks`` where the config calls others that the spec has, and nothing else."""
    if item.seen is None or item.want is None or not item.seen.telemetry.understood:
        return
    node, there, wanted = item.want.material.node, item.seen.attrs.chain, item.want.attrs.chain
    written: dict[str, object] = {name: name for name, model in fleet.models.items() if model.proxy}
    for label, hop in zip(wanted, node.chain, strict=False):
        if hop.direct:
            written[label] = {"model": hop.model, "via": f"{hop.backend}.{hop.endpoint}"}
    if not there or there == wanted or any(label not in written for label in there):
        return
    first, *rest = (written[label] for label in there)
    yield ("model",), first
    yield ("fallbacks",), rest


def _overlaid(item: NodeState) -> tuple[str, str, Any]:
    """The type's table that is merged into a file of the node, that file's path, and what is in it."""
    if item.want is None or item.seen is None:
        return "", "", None
    node = item.want.material.node
    kind = nodetypes.of(node)
    if kind is None or kind.table is None or not kind.overlay or node.declared is not None:
        return "", "", None
    file = nodetypes.paths(kind, node).get(kind.overlay, "")
    blob = item.seen.telemetry.files.get(file)
    return kind.table.name, file, json5.read(blob.reveal()) if blob is not None else None


def _owned(node: Node, path: tuple[str, ...]) -> bool:
    kind = nodetypes.of(node)
    settings: Any = True
    for key in reversed(path):
        settings = {key: settings}
    return (
        kind is not None and kind.table is not None and bool(list(kind.table.owned(settings, node.manage == "whole")))
    )


def at_or_none(value: Any, path: tuple[str, ...]) -> Any:
    """The value at a path of tables; None where nothing is."""
    try:
        return at(value, path) if isinstance(value, Mapping) else None
    except KeyError:
        return None
