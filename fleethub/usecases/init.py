"""A fleet's first files: in a folder of its own, or in one that several projects share."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass
from pathlib import Path

from fleethub.atomic import create, replace
from fleethub.clients.vault import new_seed
from fleethub.spec import json_schema
from fleethub.spec.scaffold import GITIGNORE, shared_spec, spec
from fleethub.state import fleets


@dataclass(frozen=True, slots=True)
class Laid:
    """What ``init`` wrote, in order; where the seed is (None: the spec names none of these places) and if it is new."""

    written: tuple[Path, ...]
    seed: Path | None
    new_seed: bool
    notes: tuple[str, ...] = ()


def init(folder: Path, name: str, shared: bool = False) -> Laid:
    """Write a spec that validates, its schema, .gitignore and a seed (0600); what is there stays as it is.

    ``shared``: the nodes in files of their own, and the seed in the user's own configuration, for others read the
    folder. Beside a lockfile no seed is made. The folder joins the user's list of fleets. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []

    def write(path: Path, text: str, mode: int = 0o644) -> bool:
        try:
            create(path, text.encode(), mode)
        except FileExistsError:
            return False
        written.append(path)
        return True

    seed, reference = _seed(folder, name, shared)
    files = shared_spec(name, reference) if shared else {"fleet.toml": spec(name)}
    if write(folder / "fleet.toml", files.pop("fleet.toml")):  # else they would be more nodes of a fleet that is there
        for below, text in files.items():
            (folder / below).parent.mkdir(exist_ok=True)
            write(folder / below, text)
    write(folder / "fleet.schema.json", json.dumps(json_schema(), indent=2) + "\n")
    _ignore(folder / ".gitignore", written)
    wanted = json.dumps(f"file:{reference}", ensure_ascii=False) in (folder / "fleet.toml").read_text(encoding="utf-8")
    new = False
    if wanted and not (folder / "fleet.lock").exists():
        seed.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = write(seed, new_seed() + "\n", 0o600)
    return Laid(tuple(written), seed if wanted and seed.exists() else None, new, _remember(folder))


def _seed(folder: Path, name: str, shared: bool) -> tuple[Path, str]:
    """The seed's file, and how the spec names it."""
    if not shared:
        return folder / f"{name}.seed", f"{name}.seed"
    path = fleets.config_home() / f"{name}.seed"
    home = Path.home()
    return path, f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else path.as_posix()


def _ignore(path: Path, written: list[Path]) -> None:
    there = path.read_bytes() if path.exists() else b""
    lines = there.splitlines()
    missing = [line for line in GITIGNORE.encode().splitlines() if line not in lines]
    if missing:
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
        end = b"" if there.endswith(b"\n") or not there else b"\n"
        replace(path.resolve(), there + end + b"\n".join(missing) + b"\n", mode)
        written.append(path)


def _remember(folder: Path) -> tuple[str, ...]:
    try:
        fleets.remember(folder)
    except (OSError, RuntimeError) as error:
        return (f"the list of your fleets could not be written, so no session will be told of this one: {error}",)
    return ()
