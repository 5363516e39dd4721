"""A key that goes back from its file into the environment: a new process first, then the config that names a variable.

A gateway takes a changed config over while it runs, and variables when it starts. Delivered at once, the running
process would have for a moment a config that names a variable that it does not have. So all but the config is
delivered first, with the key's file still there; the process that is then started has both; it takes the config over
while it runs, and the file goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fleethub import nodetypes
from fleethub.kinds.node.actions import Activate, Deliver, Merge, NodeFile
from fleethub.kinds.node.attributes import FileAttrs, NodeState, files_of
from fleethub.kinds.node.delivery import changed_files, own_files
from fleethub.model.plan import Phase, Step
from fleethub.model.secret import Blob, Text
from fleethub.nodetypes.projection import Projection


def left_files(item: NodeState) -> frozenset[str]:
    """Files that its process was told of, as one with its key, and that are not wanted any more."""
    want = item.want
    kind = nodetypes.of(want.material.node) if want is not None else None
    if want is None or kind is None:
        return frozenset()
    told = {want.material.node.files.get(file.role, file.path) for file in kind.files if file.told}
    applied = files_of(*(one.locked.attrs for one in (item, *item.displaced) if one.locked))
    return frozenset(
        path
        for files in applied
        for path in files
        if path not in want.attrs.files and {path, path.rpartition("/")[2]} & told
    )


def staged(item: NodeState, deliver: Step, start: Step) -> tuple[Step, ...]:
    """The delivery and the start in two stages, where a process runs that would lose its key between them; the last
    step is the one after which the node runs on all that is wanted.
    """
    seen, later = item.seen, {file.path for file in changed_files(item) if file.of.hot and file.of.wiring}
    left = left_files(item) & own_files(item).keys()
    assert isinstance(deliver.do, Deliver)
    assert isinstance(start.do, Activate)
    if seen is None or not left or not later or not deliver.do.restart or seen.telemetry.listening is False:
        return (deliver, start)
    there: Mapping[str, Blob] = seen.telemetry.files
    if later - there.keys() or item.moved is not None or item.earlier:
        return (deliver, start)
    files = tuple(file for file in deliver.do.files if file.path not in later)
    files += tuple(_as_it_is(path, item) for path in sorted(later | left))
    begun = all(file.of.hot for file in changed_files(item)) and bool(seen.attrs.marked)
    first = replace(
        deliver.do, files=files, keep=deliver.do.keep | later | left, stale={},
        expects={**deliver.do.expects, **{path: there[path] for path in left}},
    )  # fmt: skip
    config = replace(
        deliver.do, restart=False, expects={path: there[path] for path in (*sorted(later), *sorted(left))},
        keep=frozenset(file.path for file in deliver.do.files if file.path not in later),
    )  # fmt: skip
    one = () if begun else (replace(deliver, do=first),)
    up = replace(start, do=replace(start.do, files=files, tell=None, turns=()), locked=None,
                 after=tuple(step.id for step in one))  # fmt: skip
    two = Step(f"{item.address}/config", item.address, Phase.ACTIVATE, config, after=(up.id,))
    last = replace(
        start, id=f"{item.address}/config-activate", after=(two.id,), do=replace(start.do, hot=True, fresh=False)
    )
    return (*one, up, two, last)


def _as_it_is(path: str, item: NodeState) -> NodeFile:
    """A file that stays for now."""
    assert item.seen is not None
    told, file = item.seen.telemetry, item.seen.attrs.files.get(path, FileAttrs())
    merge = Merge("text", Projection(), told.files[path])
    return NodeFile(path, Text(()), told.modes[path], merge, file.fingerprint or "")
