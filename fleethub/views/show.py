"""``show``: everything about one thing, and who uses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from fleethub.model.address import Address
from fleethub.model.attributes import plain
from fleethub.model.fleet_status import BackendStatus, HostedStatus, ProxyStatus, Row
from fleethub.model.observation import Absent, AnyLocked, AnyResource, Observation, Seen, Unknown
from fleethub.model.text import gib, named
from fleethub.views.reasons import users_text
from fleethub.views.resource import resource_lines
from fleethub.views.status import backend_line, proxy_line
from fleethub.views.style import Style


def show_data(
    address: Address,
    want: AnyResource | None,
    locked: AnyLocked | None,
    seen: Observation | None,
    users: Sequence[str] = (),
    status: Row | None = None,
) -> dict[str, Any]:
    """One thing: wanted, last applied, observed; or its row of the fleet's status. ``used_by``: addresses."""
    head = {"type": "show", "address": str(address), "used_by": list(users)}
    if seen is None:
        return head | {"owner": status.owner if status else "", "status": asdict(status) if status else None}
    from fleethub.lockfile.forms import encode

    observed: dict[str, Any] = {"state": _seen(seen)}
    if isinstance(seen, Seen):
        observed |= {"attrs": plain(seen.attrs), "telemetry": plain(seen.telemetry, nulls=True), "at": seen.at}
        if seen.mark:
            observed["mark"] = {"serial": seen.mark.serial, "generation": seen.mark.generation}
    return head | {
        "place": str(want.place) if want and want.place else None,
        "owner": want.owner if want else locked.owner if locked else "",
        "needs": {str(a): sorted(e) for a, e in want.needs.items()} if want else {},
        "wanted": plain(want.attrs, nulls=True) if want else None,
        "applied": encode(locked) if locked else None,
        "observed": observed,
    }


def show_text(data: Mapping[str, Any], status: Row | None, style: Style) -> str:
    """``show_data`` for people; ``status``: the row, of what is no resource."""
    lines = [style("bold", data["address"]) + (f"  ({named(data['owner'])})" if data["owner"] else "")]
    lines += [f"  used by {users_text([Address.parse(user) for user in data['used_by']])}"]
    if status is None and "observed" not in data:
        return "\n".join((*lines, "  is no longer in the spec"))
    lines += [f"  {line}" for line in (_row(status) if status is not None else resource_lines(data, style))]
    return "\n".join(lines)


def _row(status: Row) -> list[str]:
    if isinstance(status, ProxyStatus):
        return [f"at {status.url}: {proxy_line(status)}"]
    if isinstance(status, BackendStatus):
        planned = ", ".join(f"{named(p.model)} ({p.context} tokens)" for p in status.placed) or "nothing"
        return [
            f"at {status.host}: {backend_line(status)}",
            f"planned: {planned}" + (f": {status.fit}" if status.fit else ""),
        ]
    if isinstance(status, HostedStatus):
        return _hosted(status)
    return [f"route {named(status.route)}, {status.context} tokens, on {', '.join(status.backends) or 'no backend'}"]


def _hosted(status: HostedStatus) -> list[str]:
    planned, loaded = status.planned, status.loaded
    size = gib(planned.bytes) if planned is not None and planned.bytes is not None else "size unknown"
    chain = "first of a chain" if planned is not None and planned.primary else "a fallback"
    wanted = "not planned"
    if planned is not None:
        wanted = f"planned as {named(planned.model)}, {planned.context} tokens, {chain}, {size}"
    if status.state != "there":
        return [wanted, f"loaded: not known: {status.reason or status.state}"]
    if loaded is None:
        return [wanted, "loaded: not now"]
    spilled = f", {gib(loaded.size - loaded.size_vram)} on the CPU" if loaded.size > loaded.size_vram else ""
    return [wanted, f"loaded: {gib(loaded.size_vram)} in VRAM{spilled}"]


def _seen(seen: Observation) -> str:
    if isinstance(seen, Unknown):
        return f"unknown: {seen.reason}"
    return "absent" if isinstance(seen, Absent) else "there"
