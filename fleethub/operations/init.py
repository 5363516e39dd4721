"""A fleet's first files: in a folder of its own, or in one that several projects share."""

from __future__ import annotations

import json
import secrets
import stat
from pathlib import Path

from fleethub import folders
from fleethub.atomic import create, replace
from fleethub.clients.resolver import new_seed
from fleethub.fleetspec import json_schema, load
from fleethub.fleetspec.scaffold import GITIGNORE, shared_spec, spec
from fleethub.model.dataclass import dataclass
from fleethub.model.errors import FleetHubError
from fleethub.model.fleet import Fleet
from fleethub.operations import merge_driver
from fleethub.operations.outcome import Outcome
from fleethub.operations.seed import FILE, alternatives, file_of
from fleethub.operations.trust import remember
from fleethub.state import fleets
from fleethub.state.trust import TrustError


@dataclass(frozen=True, slots=True)
class InitInput:
    """``name`` of a new fleet; ``shared``: the nodes in files of their own, for others write the folder too.

    ``trusted``: the spec that is there was just written, by somebody who has seen what it uses.
    """

    folder: Path
    name: str
    shared: bool = False
    trusted: bool = False


@dataclass(frozen=True, slots=True)
class InitResult:
    """What ``init`` wrote, in order; where the seed is (None: the spec names none of these places) and if it is new."""

    written: tuple[Path, ...]
    seed: Path | None
    new_seed: bool
    notes: tuple[str, ...] = ()


def run(asked: InitInput) -> Outcome[InitResult]:
    """Write a spec that validates, its schema, a seed (0600), .gitignore, .gitattributes; what is there stays as it is.

    The seed lies where the spec's ``key_seed`` says: a new spec names a file of the user's own configuration. Beside a
    lockfile none is made. A fleet of our own writing is trusted; it joins the user's list of fleets. Raises OSError.
    """
    folder, name, shared = asked.folder, asked.name, asked.shared
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []

    def write(path: Path, text: str, mode: int = 0o644) -> bool:
        try:
            create(path, text.encode(), mode)
        except FileExistsError:
            return False
        written.append(path)
        return True

    fresh = not folders.exists(folder / "fleet.toml")
    if fresh:
        fleet_id = secrets.token_hex(10)
        seed_path = reference(f"{name}-{fleet_id[:8]}.seed", shared)
        files = shared_spec(name, fleet_id, seed_path) if shared else {"fleet.toml": spec(name, fleet_id, seed_path)}
        if fresh := write(folder / "fleet.toml", files.pop("fleet.toml")):
            for below, text in files.items():
                (folder / below).parent.mkdir(exist_ok=True)
                write(folder / below, text)
    write(folder / "fleet.schema.json", json.dumps(json_schema(), indent=2) + "\n")
    _ignore(folder / ".gitignore", written)
    seed, new, notes = None, False, (*_remember(folder), *_merging(folder, written))
    fleet = load(folder).fleet
    if fleet is None:
        notes += ("the spec has mistakes, so no seed was made: fleethub validate",)
        return Outcome(InitResult(tuple(written), None, False, notes))
    seeds = [file_of(folder, a) for a in alternatives(fleet) if a.startswith(FILE)]
    if seeds and not folders.exists(folder / "fleet.lock"):
        there = next((file for file in seeds if folders.exists(file)), None)
        seed = there or seeds[0]
        if there is None:
            seed.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            new = write(seed, new_seed() + "\n", 0o600)
        if not new and not fleet.id:
            line = f'id = "{secrets.token_hex(10)}"'
            notes += (f"another fleet of this name with this seed has the same keys; write {line} in [fleet] first",)
    if fresh or asked.trusted:
        notes += _trust(fleet)
    return Outcome(InitResult(tuple(written), seed, new, notes))


def reference(name: str, shared: bool = False) -> str:
    """How the spec names a seed in the user's configuration; beside the spec where that cannot be written to."""
    try:
        path = fleets.config_home() / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        home = Path.home()
    except (OSError, RuntimeError):
        if shared:
            raise
        return name
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else path.as_posix()


def _trust(fleet: Fleet) -> tuple[str, ...]:
    try:
        remember(fleet, None)
    except TrustError as error:
        return (str(error),)
    return ()


def _ignore(path: Path, written: list[Path]) -> None:
    there = path.read_bytes() if folders.exists(path) else b""
    lines = there.splitlines()
    missing = [line for line in GITIGNORE.encode().splitlines() if line not in lines]
    if missing:
        mode = stat.S_IMODE(path.stat().st_mode) if there else 0o644
        end = b"" if there.endswith(b"\n") or not there else b"\n"
        replace(path.resolve(), there + end + b"\n".join(missing) + b"\n", mode)
        written.append(path)


def _merging(folder: Path, written: list[Path]) -> tuple[str, ...]:
    """Git merges lockfiles record by record from now on, in this clone; says why not."""
    try:
        if merge_driver.install(folder).written:
            written.append(folder / merge_driver.ATTRIBUTES)
    except FleetHubError as error:
        return (str(error),)
    return ()


def _remember(folder: Path) -> tuple[str, ...]:
    try:
        fleets.remember(folder)
    except (OSError, RuntimeError) as error:
        return (f"the list of your fleets could not be written, so no session will be told of this one: {error}",)
    return ()
