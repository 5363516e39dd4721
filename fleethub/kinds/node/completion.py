"""Nodes whose files are somebody else's: what of the wanted only what is there decides."""

from __future__ import annotations

from dataclasses import replace

from fleethub.kinds.node.attributes import FileAttrs, NodeLocked, NodeResource, NodeSeen, is_wired
from fleethub.kinds.node.found import added_of, found_of
from fleethub.kinds.node.projection import UNRESOLVED, digest, fresh, kept, shape, wanted
from fleethub.kinds.values import RenderedFile
from fleethub.model.observation import Absent, Seen, Unknown
from fleethub.model.secret import Fingerprinter


def completed(want: NodeResource, have: NodeSeen | Absent | Unknown, locked: NodeLocked | None) -> NodeResource:
    """What stays as it is found is wanted as it is found; where nothing is to be written, no mark is wanted either.

    What it was before FleetHub is put back when it is let go of.
    """
    if locked is not None:
        want = replace(want, found=locked.found)
    if not is_wired(want.attrs) or isinstance(have, Unknown):
        return want
    if not isinstance(have, Seen):
        files = {path: _kept(want, path, file, None) for path, file in want.attrs.files.items()}
        return replace(want, attrs=replace(want.attrs, files=files))
    if locked is None:
        want = replace(want, found=found_of(want, have.telemetry))
    if want.found:
        want = replace(want, found=added_of(want, have.telemetry))
    there = have.attrs.files
    files = {path: _kept(want, path, file, there.get(path)) for path, file in want.attrs.files.items()}
    attrs = replace(want.attrs, files=files)
    if all(there.get(path) == file for path, file in files.items()):
        attrs = replace(attrs, chain=have.attrs.chain)
        if have.attrs.marked is None:
            attrs = replace(attrs, marked=None, activated=None)
    return replace(want, attrs=attrs)


def wanted_of(file: RenderedFile, fingerprinter: Fingerprinter) -> FileAttrs:
    """A rendered file as it is wanted: all of it, or FleetHub's part."""
    if file.projection is not None:
        return FileAttrs(owned=wanted(file.of.format, file.projection, fingerprinter))
    return FileAttrs(fingerprinter.text(file.text), f"{file.mode:04o}")


def shape_of(file: RenderedFile) -> str:
    """Digest of the same without any secret."""
    return shape(file.projection) if file.projection is not None else file.text.shape()


def unresolved(file: FileAttrs) -> bool:
    """Whether a wanted file is not known, for want of a secret."""
    return file.fingerprint is None if file.owned is None else UNRESOLVED in file.owned.values()


def digest_of(want: NodeResource | None, path: str, file: FileAttrs) -> str | None:
    """What a mark says of a file."""
    return file.fingerprint if file.owned is None else digest(file.owned, kept_of(want, path))


def kept_of(want: NodeResource | None, path: str) -> frozenset[str]:
    """The pointers in a file that stay as they are found."""
    files = want.material.files if want else ()
    return next((kept(f.of.format, f.projection) for f in files if f.path == path and f.projection), frozenset())


def _kept(want: NodeResource, path: str, file: FileAttrs, there: FileAttrs | None) -> FileAttrs:
    if file.owned is None or (there is not None and there.owned is None):
        return file
    has = there.owned or {} if there is not None else {}
    found = {name: has[name] for name in kept_of(want, path) if name in has}
    rendered = next(f for f in want.material.files if f.path == path)
    new = fresh(rendered.of.format, rendered.projection, has) if rendered.projection else {}
    return replace(file, owned={**file.owned, **found, **new})
