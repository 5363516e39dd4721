"""Finds templates: the packaged ones, replaced file by file by a fleet's own; and published schemas. All reading."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fleethub import folders, nodetypes


class TemplateText(str):
    """A template's source that knows where it came from. ``problem`` says why it could not be read."""

    origin: str
    problem: str

    def __new__(cls, text: str, origin: str, problem: str = "") -> TemplateText:
        """A text with its origin."""
        self = super().__new__(cls, text)
        self.origin, self.problem = origin, problem
        return self


#: (node type, file name) -> source. A plain string will do as a source.
Templates = Mapping[tuple[str, str], str]


def load_templates(fleet_root: Path) -> Templates:
    """The packaged templates of the registered types, those in ``fleet_root/templates/<type>/`` over them; and those of
    the types that the fleet brings, which say what they are in a ``type.toml``.
    """
    found = dict(_shipped(_packaged(), tuple(nodetypes.names())))
    root = fleet_root / "templates"
    for kind in _types(root):
        try:
            found.update(((kind, name), text) for name, text in _read(root / kind, f"templates/{kind}"))
        except OSError as error:  # any of the packaged ones may be replaced there
            why = f"whether it is replaced cannot be told: templates/{kind} cannot be read: {error.strerror}"
            found |= {key: TemplateText("", f"templates/{kind}/{key[1]}", why) for key in found if key[0] == kind}
    return found


@cache
def _shipped(root: Path, kinds: tuple[str, ...]) -> Templates:
    """The packaged ones, read once: a server goes on with those of its own version while the package is replaced."""
    return {(kind, name): text for kind in kinds for name, text in _read(root / kind, f"fleethub:templates/{kind}")}


def _types(root: Path) -> list[str]:
    try:
        listed = folders.listing(root) if folders.is_folder(root) else []
    except OSError:
        listed = []  # told by each type that nodes name
    return sorted({*nodetypes.names(), *(name for name in listed if folders.exists(root / name / "type.toml"))})


#: File name -> a published JSON Schema, None where there is none; raises ValueError on what is no schema.
Schemas = Callable[[str], Mapping[str, Any] | None]


def load_schemas(fleet_root: Path) -> Schemas:
    """The schemas in ``fleet_root/schemas/``, each read when it is first asked for."""

    @cache
    def find(name: str) -> Mapping[str, Any] | None:
        path = fleet_root / "schemas" / name
        try:
            if not name or not folders.is_file(path):
                return None
            schema = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise ValueError(f"schemas/{name} cannot be read as JSON ({type(error).__name__})") from None
        if not isinstance(schema, dict):
            raise ValueError(f"schemas/{name} is no JSON Schema")
        return schema

    return find


def no_schemas(name: str) -> None:
    """Where no schema is at hand."""


def _packaged() -> Path:
    package = Path(__file__).resolve().parent.parent
    inside = package / "_templates"
    return inside if folders.is_folder(inside) else package.parent / "templates"


def _read(folder: Path, label: str) -> Iterator[tuple[str, TemplateText]]:
    if not folders.exists(folder):
        return
    for name in folders.listing(folder):
        if not name.endswith(".j2") or name.startswith("."):
            continue
        path = folder / name
        origin = f"{label}/{path.name}"
        try:
            if not path.resolve().is_relative_to(folder.resolve()):
                yield path.name, TemplateText("", origin, "it is a link that leads out of its folder")
                continue
            yield path.name, TemplateText(path.read_bytes().decode(), origin)
        except OSError as error:
            yield path.name, TemplateText("", origin, f"it cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            yield path.name, TemplateText("", origin, "it is not UTF-8")
