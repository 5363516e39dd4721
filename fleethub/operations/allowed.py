"""Where an edit by command or by HTTP may let a node's files go: ``[policy] targets``, or what the fleet does already.

Whoever writes the spec's files by hand, or has a change of them reviewed, writes the policy too: it binds the edits
that nobody reviews. Without one a command may do what its operator may, and a write through the API, which needs no
token on loopback, goes where nodes of this fleet lie already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from fleethub.model.consuming import Node
from fleethub.model.finding import Finding
from fleethub.model.fleet import Fleet

#: A pattern that says whom to log in as: up to its last @, the host, the path.
_WHO = re.compile(r"(ssh://[^/]*@)([^/]*)(.*)", re.DOTALL)


def target_finding(before: Fleet, node: Node, says_target: bool, api: bool) -> Finding | None:
    """Why a node may not lie where an edit puts it; ``before``: the fleet without the edit.

    ``says_target``: the edit itself names the target, so that it is not the spec's own default.
    """
    was = before.nodes.get(node.name)
    if was is not None and was.target == node.target:
        return None
    written = before.policy.targets
    if written is None and not (api and says_target):
        return None
    allowed = tuple(written) if written is not None else tuple(sorted(set(_usual(before))))
    if any(matches(node.target, pattern) for pattern in allowed):
        return None
    whose = "[policy] targets" if written is not None else "the folders of this fleet's nodes"
    listed = ", ".join(allowed[:8]) + (", …" if len(allowed) > 8 else "") if allowed else "none but the default"
    return Finding(
        "node.target-policy",
        f"its target {node.target} is not among {whose}: {listed}",
        node.address,
        hint='add a pattern to targets in [policy], like "ssh://ops@*.example/srv/openclaw/*", in the spec itself',
    )


def matches(target: str, pattern: str) -> bool:
    """``*`` stands for anything within one part of a path, ``**`` for any parts; nothing else is special.

    Whom a pattern logs in as is no one else: where it says so, what comes behind the ``@`` is the host's name alone.
    """
    who = _WHO.match(pattern)
    before, host, path = who.groups() if who else ("", "", pattern)
    said = _regex(before) + _regex(host, any_="[^/@]*", deep="[^/@]*(?:/.*)?") + _regex(path)
    return re.fullmatch(said, target, re.DOTALL) is not None


def _regex(pattern: str, any_: str = "[^/]*", deep: str = ".*") -> str:
    parts = re.split(r"(\*\*|\*)", pattern)
    return "".join(deep if part == "**" else any_ if part == "*" else re.escape(part) for part in parts)


def _usual(fleet: Fleet) -> Iterable[str]:
    """The fleet's own folder for nodes; beside each node that there is, on its host or on another's."""
    yield "nodes/*"
    for node in fleet.nodes.values():
        above, slash, _ = node.target.rpartition("/")
        if slash and not above.endswith("/"):
            yield f"{_anywhere(above, node.host)}/*"


def _anywhere(target: str, host: str) -> str:
    """The target with its node's host open, as ``{host}`` in ``[defaults.node]`` has it."""
    return re.sub(rf"^(ssh://(?:[^/]*@)?){re.escape(host)}(?=[:/])", r"\1*", target) if host else target
