"""What holds for the whole fleet: its name and state, what is refused, who may edit it and who is told."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from fleethub.fleetspec import fields as v
from fleethub.nodetypes.table import Table


class FleetTable(Table):
    """The fleet itself."""

    name: v.Name = Field(description="The fleet's name; without an id keys are derived from it, so it stays for good")
    id: v.FleetId | None = Field(
        None, description="Random, written by fleethub init: keys are derived from it, so it stays for good"
    )
    derive_from: Literal["id", "name"] = Field(
        "id", description="name: keys stay derived from the name, in a fleet that got its id after its first apply"
    )
    required_version: v.Specifiers | None = Field(None, description="Which FleetHub may read this: PEP 440")
    key_seed: v.Reference | None = Field(
        None,
        description="Reference to the seed of all derived keys (env:, file:, command:), or a list of them",
    )
    ssh_program: bool = Field(
        False, description="true: log in to every machine through the ssh program, not only where that is needed"
    )


class StateTable(Table):
    """Where what was applied is kept, with its lock and history."""

    store: v.StateStore | None = Field(
        None,
        description="A reference to a PostgreSQL URL (env:, file:, command:), or s3://BUCKET/PREFIX, gs://…, az://…; "
        "not written: fleet.lock beside this file",
    )
    endpoint: v.Url | None = Field(
        None, description="The URL of an object store that is not its cloud's own, like MinIO's"
    )


class PolicyTable(Table):
    """What to refuse and what to repair."""

    overcommit: Literal["refuse", "refuse-new", "warn"] = Field(
        "refuse-new", description="When models do not fit: refuse, refuse-new (only when it grows) or warn"
    )
    drift: Literal["repair", "stop"] | None = Field(
        None, description="What was changed by hand: repair or stop; not written: asked on a terminal"
    )
    revoked: Literal["stop", "restore"] = Field("stop", description="A key deleted or blocked by hand: stop or restore")
    unreachable: Literal["defer", "fail"] = Field(
        "defer",
        description="What cannot be looked at: defer (the rest is done, and it stays owed) or fail (nothing is done)",
    )
    reserve: v.Size | None = Field(None, description='VRAM kept free on each GPU, like "1 GiB" (default)')
    targets: list[v.Line] | None = Field(
        None,
        description='Where an edit by command or HTTP may put a node, like ["nodes/*", "ssh://ops@*.example/srv/*"]; '
        "* is anything within one part of a path, ** any parts. Not written: HTTP only beside nodes that there are",
    )
    max_delete_percent: int = Field(
        30, ge=0, le=100, description="A plan that deletes a greater part of the nodes, keys or routes is stopped"
    )
    max_update_percent: int = Field(
        100, ge=0, le=100, description="A plan that changes a greater part of the nodes, keys or routes is stopped"
    )
    min_existing: int = Field(10, ge=1, description="With fewer things of a kind than this, no percentage stops a plan")
    key_idle: v.Duration | None = Field(
        None, description='How long a key that no node has must be unused before it is deleted, like "10m" (default)'
    )
    last_node: Literal["stop", "allow"] = Field(
        "allow", description="The last node that uses a backend goes: stop or allow"
    )
    agents: Literal["read", "propose", "apply"] = Field(
        "propose",
        description="Edits that an agent asks for over MCP: propose (default; a person approves each), read (none) or "
        "apply (at once, where [agents.NAME] allows it)",
    )
    agents_elicit: bool = Field(
        False,
        description="true: a yes that the agent's own client brings back counts as a person's. No boundary: a client "
        "may answer by itself",
    )


class AgentTable(Table):
    """What an agent may edit over MCP; where any is listed, the others may only read."""

    nodes: list[v.Line] | None = Field(
        None, description='Nodes by name, pattern or label, like ["volta", "lab-*", "@team=ml"]'
    )
    backends: list[v.Name] | None = Field(None, description="Backends on which its edits may load models")
    a_day: int | None = Field(None, ge=1, le=10_000, description="Edits in 24 hours, 1 or more")


class MovedTable(Table):
    """A node, consumer, proxy, backend or key that has another name by now."""

    old: v.Line = Field(alias="from", description='What it was called, like "node.volta" or "proxy.main"')
    new: v.Line = Field(alias="to", description='What it is called now, like "node.ohm"')


class NotifyTable(Table):
    """Who is told what is wrong, once, and when it is over: by a URL or a command."""

    url: v.Url | None = Field(
        None, description="A webhook, which gets JSON; or an ntfy topic, like https://ntfy.sh/TOPIC"
    )
    format: Literal["json", "ntfy"] = Field("json", description="What is posted to url")
    token: v.Reference | None = Field(None, description="Its bearer token, by reference")
    command: list[v.Line] | None = Field(None, min_length=1, description="A program, which gets the text as its input")
    on: list[Literal["drift", "error", "full", "unknown", "verify"]] = Field(
        ["drift", "error", "full", "unknown", "verify"], description="What is told; default: all"
    )


class CheckTable(Table):
    """A rule of the fleet's own: an expression in CEL, or a function that an installed package brings."""

    name: v.Name = Field(description="Its name: what it finds has the code check.NAME")
    about: Literal["node", "key", "model", "backend", "fleet", "change"] = Field(
        alias="for", description="What it is asked of, each by itself"
    )
    expression: v.Expression | None = Field(
        None, description="What must be true, like \"node.owner != ''\" (CEL; the fields: docs/checks.md)"
    )
    use: v.EntryPoint | None = Field(
        None, description='Or a function: "PACKAGE:NAME", an entry point of the group fleethub.checks'
    )
    severity: Literal["error", "warning"] = Field("error", description="error refuses what it is about; default: error")
    message: v.Line | None = Field(
        None, description="What is wrong where it does not hold; {name}, {owner} and other fields expand"
    )
    hint: v.Line | None = Field(None, description="What to do then")


class AcceptTable(Table):
    """A finding that is known: plans show it as one line, until a day. Of errors only those of the fleet's checks."""

    code: v.Line = Field(description='The finding\'s code, like "capacity.exceeded"')
    address: v.Line | None = Field(None, description='Of what, like "backend.gpu"; default: of everything')
    reason: v.Line = Field(description="Why it is accepted, for whoever reads the plan")
    until: date = Field(description="The last day on which it is, like 2027-03-31")
