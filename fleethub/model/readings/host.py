"""What a consumer's place tells: the files at a target, git about the fleet's own, a sink's check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from fleethub.model.dataclass import dataclass
from fleethub.model.secret import Blob


@dataclass(frozen=True, slots=True)
class FileReading:
    """One file at a target; ``kind`` is "file", or what stands in its place ("link", "folder", "other")."""

    content: Blob | None
    mode: int
    kind: str = "file"
    owner: int | None = None  # uid


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a Compose project: the project's name and folder, and the host's ports that it takes."""

    project: str
    folder: str
    running: bool
    ports: frozenset[int]


@dataclass(frozen=True, slots=True)
class HostReading:
    """A node's target: files by relative path (absent ones are missing), the mark's JSON, the last applied set.

    ``exists`` is False when the folder itself is absent; a ``mark`` that is damaged is there, and empty. Of the
    machine, where it was asked: ``tools`` on its PATH with their version where it is asked for (``compose``: Docker's
    plugin), ``listens`` (port that was asked for -> its sockets, where they can be told), ``containers``, ``uid`` of
    the login (with Docker's). ``compose``: the files that Docker Compose takes by itself.
    ``listener``: the sockets on the node's port when the last set came that needs a new process.
    """

    exists: bool
    files: Mapping[str, FileReading] = field(default_factory=dict)
    mark: Mapping[str, Any] | None = None
    applied: Mapping[str, Blob] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)
    compose: tuple[str, ...] = ()
    listens: Mapping[int, str] = field(default_factory=dict)
    containers: tuple[Container, ...] = ()
    uid: int = 0
    listener: str = ""


@dataclass(frozen=True, slots=True)
class GitReading:
    """Of the asked paths: those that git tracks, and those inside a work tree that it would not ignore."""

    tracked: frozenset[str]
    unignored: frozenset[str]


@dataclass(frozen=True, slots=True)
class SinkReading:
    """What a consumer's check tells: the SHA-256 of the key that is there; None: none is. ``failed``: why it does not
    tell, without a word of what it printed.
    """

    digest: bytes | None = field(default=None, repr=False)
    failed: str = ""
