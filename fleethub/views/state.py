"""The state itself for people and machines: its records, its earlier versions, what two clones did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fleethub.model.address import Address
from fleethub.model.observation import AnyLocked, Lockfile
from fleethub.model.text import named, plural
from fleethub.views.style import Style

if TYPE_CHECKING:
    from fleethub.adoption.rebuild import Rebuilt
    from fleethub.lockfile.reconciled import Reconciled
    from fleethub.model.plan import Plan


def head(lockfile: Lockfile) -> str:
    """``serial 8 (ce9f00e2), applied 2026-… by ops@here, commit …``."""
    applied = lockfile.applied
    parts = [f"serial {lockfile.serial} ({lockfile.apply or 'no id'})"]
    if applied.at:
        parts.append(f"applied {applied.at}" + (f" by {named(applied.by)}" if applied.by else ""))
    return ", ".join([*parts, *([f"commit {named(applied.commit)}"] if applied.commit else [])])


def _rest(lockfile: Lockfile) -> str:
    return head(lockfile).removeprefix(f"serial {lockfile.serial} ")


def head_data(lockfile: Lockfile) -> dict[str, Any]:
    """The same as plain values."""
    applied = lockfile.applied
    return {
        "serial": lockfile.serial,
        "apply": lockfile.apply,
        "at": applied.at,
        "by": applied.by,
        "commit": applied.commit,
        "spec": applied.spec,
        "resources": len(lockfile.resources),
    }


def reconciled_text(made: Reconciled, style: Style) -> str:
    """What each side did, what was decided and why, and the one lockfile."""
    apart = made.apart
    lines = [f"Two lockfiles of {named(apart.ours.fleet)}, from {apart.where}"]
    lines += [f"  ours:   {head(apart.ours)}", f"  theirs: {head(apart.theirs)}"]
    lines += [f"  both came from {head(apart.base)}" if apart.base else "  what both came from is not known"]
    lines += ["", style("bold", "What each did")] if made.taken or made.decided else []
    for row in _rows(made):
        word = {"both": "blocked", "ours": "update", "theirs": "update"}[row["taken"]]
        why = (
            f"both did, otherwise: {row['why']}; taken: {row['taken']}"
            if row["why"]
            else f"{row['taken']} {row['did']} it"
        )
        lines.append(f"  {style(word, row['address'])}: {why}")
    if made.undecided:
        lines += ["", f"{plural(len(made.undecided), 'record')} could not be decided: what either side gave stays, and"]
        lines += ["the next plan that can look goes on from what is there."]
    lines += [f"  unread {line}" for line in made.unread]
    return "\n".join([*lines, "", f"One lockfile: serial {made.lockfile.serial}, {_count(made.lockfile)}."])


def reconciled_data(made: Reconciled) -> Iterable[dict[str, Any]]:
    """Both sides, then a line for each record that is not as both came from."""
    apart = made.apart
    for side, lockfile in (("base", apart.base), ("ours", apart.ours), ("theirs", apart.theirs)):
        if lockfile is not None:
            yield {"type": "side", "side": side, **head_data(lockfile)}
    for row in _rows(made):
        yield {"type": "reconciled", **row}


def _rows(made: Reconciled) -> Iterable[dict[str, Any]]:
    for address, (whose, did) in made.did.items():
        yield {"address": str(address), "taken": whose.value, "did": did, "why": ""}
    for address, decision in made.decided.items():
        gone = "removed" if decision.record is None else "changed"
        yield {"address": str(address), "taken": decision.whose.value, "did": gone, "why": decision.why}


def _count(lockfile: Lockfile) -> str:
    return plural(len(lockfile.resources), "record")


def records_text(records: Mapping[Address, AnyLocked], style: Style) -> str:
    """One line a record."""
    lines = []
    for address, record in sorted(records.items()):
        told = [named(record.owner)] if record.owner else []
        told += [f"generation {record.generation}"] if record.generation > 1 else []
        told += ["protected"] if record.protected else []
        told += [style("warning", f"unfinished: {', '.join(record.pending.phases)}")] if record.pending else []
        lines.append(f"{address}" + (f"  ({'; '.join(told)})" if told else ""))
    return "\n".join(lines) if lines else "Nothing is recorded."


def record_data(address: Address, record: AnyLocked) -> dict[str, Any]:
    """A record as the lockfile has it."""
    from fleethub.lockfile.forms import encode

    return {"type": "record", "address": str(address), **encode(record)}


def record_text(address: Address, record: AnyLocked, style: Style) -> str:
    """A record as TOML has it."""
    from fleethub.lockfile.text import record_toml

    return f"{style('bold', str(address))}\n{record_toml(address, record)}".rstrip()


def versions_text(versions: Sequence[tuple[Lockfile, str]], style: Style) -> str:
    """One line a lockfile, the latest first; two of one serial are told by their ids."""
    lines = []
    for lockfile, whence in versions:
        mark = {"now": style("good", "now"), "journal": "by the journal"}.get(whence, whence)
        lines.append(f"{lockfile.serial:>6}  {_rest(lockfile)}, {_count(lockfile)}  {mark}")
    return "\n".join(lines) if lines else "There is no lockfile, and none is kept."


def version_data(lockfile: Lockfile, whence: str) -> dict[str, Any]:
    """One of them as plain values."""
    return {"type": "version", "whence": whence, **head_data(lockfile)}


def rebuilt_text(made: Rebuilt, after: Plan, style: Style) -> str:
    """What a lockfile is made again of, what is not sure of it, and what the plan that follows says."""
    lockfile = made.lockfile
    lines = [f"A lockfile of {named(lockfile.fleet)}, lineage {lockfile.lineage}, from marks and spec"]
    for address in made.taken:
        why = made.unsure.get(address)
        lines.append(f"  {address}" if why is None else f"  {style('blocked', str(address))}: unfinished: {why}")
    if made.left:
        lines += ["", style("bold", "Not recorded")]
        lines += [f"  {style('warning', str(address))}: {why}" for address, why in sorted(made.left.items())]
    orphans = sorted({str(f.address) for f in after.findings if f.code.endswith(".orphan")})
    if orphans:
        lines += ["", f"Of this fleet, and not in the spec (fleethub apply --prune deletes it): {', '.join(orphans)}"]
    lines += [
        "",
        f"One lockfile: serial {lockfile.serial}, {_count(lockfile)}.",
        f"The plan after it: {after.sentence}",
    ]
    return "\n".join(lines)


def rebuilt_data(made: Rebuilt) -> Iterable[dict[str, Any]]:
    """A line for each record, and each thing that has none."""
    for address in made.taken:
        why = made.unsure.get(address, "")
        yield {"type": "rebuilt", "address": str(address), "recorded": "unfinished" if why else "found", "why": why}
    for address, why in sorted(made.left.items()):
        yield {"type": "rebuilt", "address": str(address), "recorded": None, "why": why}
