"""Whether what lies at a target is this fleet's own, though there is no lockfile that says so."""

from __future__ import annotations

from collections.abc import Iterable

from fleethub.kinds.node.attributes import FileAttrs, NodeState
from fleethub.kinds.node.projection import UNRESOLVED
from fleethub.kinds.values import RenderedFile
from fleethub.model.secret import Derived, Text
from fleethub.nodetypes.projection import leaves


def proves(item: NodeState) -> bool:
    """A file is there as it is wanted, and in it a value that only this fleet's seed makes.

    Of a file without one (compose.yaml) any seed makes the same, and so does any of a value that is a reference.
    """
    seen, want = item.seen, item.want
    if seen is None or want is None or seen.mark is None:
        return False
    files = {file.path: file for file in want.material.files}
    return any(
        there == want.attrs.files.get(path) and path in files and _of_seed(files[path]) and _resolved(there)
        for path, there in seen.attrs.files.items()
    )


def _of_seed(file: RenderedFile) -> bool:
    values: Iterable[object] = (file.text,)
    if (of := file.projection) is not None:
        values = [*of.values.values(), *(value for unit in of.units.values() for _, value in leaves(unit))]
    return any(isinstance(slot, Derived) for text in values if isinstance(text, Text) for slot in text.slots)


def _resolved(file: FileAttrs) -> bool:
    """Whether it could be told: two that could not are alike."""
    return UNRESOLVED not in file.owned.values() if file.owned is not None else file.fingerprint is not None
