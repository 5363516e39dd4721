"""A gateway's key in a file of its own, which its config names as a SecretRef (``key_store = "file"``).

As measured on 2026.9.6: the file must be 0600 and belong to the process's user. ``secrets reload`` makes a running
gateway read it anew, and ends with 0 where it could not: then it counts a warning and goes on with what it had. A
gateway that starts with a file that it cannot read, or with a dead key, says that it is ready all the same: only a call
of a model proves a key. A provider whose key was refused once is shut for about a minute, also for a new key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from fleethub.model.actions import Query
from fleethub.model.consuming import Node
from fleethub.model.fleet import Fleet
from fleethub.nodetypes.compose import argv
from fleethub.nodetypes.endpoints import key_slot
from fleethub.nodetypes.interface import FileType
from fleethub.nodetypes.openclaw.checks import ConfigFinding
from fleethub.nodetypes.openclaw.compose import CONFIG_HOME
from fleethub.nodetypes.openclaw.names import folder, target_folder
from fleethub.nodetypes.openclaw.wiring import PROVIDER, TIMEOUT, ProviderRoute, hang

ROLE = "key"
#: The secret provider of FleetHub's in the config, and what it calls the one value of its file.
SOURCE, VALUE = "fleethub", "value"
REFERENCE = {"source": "file", "provider": SOURCE, "id": VALUE}
SERVICE = "openclaw-gateway"  # in the compose file
RELOAD = ("secrets", "reload", "--json")
ASK = "Reply with exactly: ok"
STARTS = 60.0  # seconds in which OpenClaw's command line has started, on a small machine


def used(node: Node) -> bool:
    """Whether the node's key has a file: without a hop through a proxy there is no key."""
    return node.key_store == "file" and any(not hop.direct for hop in node.chain)


def files_of(node: Node, files: tuple[FileType, ...], container: bool) -> tuple[FileType, ...]:
    """Its files, without that of the key where it has none. In a container that lies beside the config: what is mounted
    is the folder of that.
    """
    if not used(node):
        return tuple(file for file in files if file.role != ROLE)
    config = next(node.files.get(file.role, file.path) for file in files if file.role == "openclaw")
    beside = folder(config) + "/" if container and folder(config) != "." else ""
    return tuple(replace(file, path=beside + file.path) if file.role == ROLE else file for file in files)


def context(
    fleet: Fleet, node: Node, chain: tuple[ProviderRoute, ...], paths: Mapping[str, str], container: bool
) -> dict[str, object]:
    """For templates: ``key_file``, where the process finds it (empty: there is none), and ``key``, what it holds."""
    proxies = {route.to.proxy for route in chain if route.to.proxy}
    if ROLE not in paths or len(proxies) != 1:
        return {"key_file": "", "key_path": ""}
    root = CONFIG_HOME if container else target_folder(node.target) or "."
    path = paths[ROLE].rpartition("/")[2] if container else paths[ROLE]
    return {"key_file": f"{root}/{path}", "key_path": paths[ROLE], "key": key_slot(fleet, node, proxies.pop())}


def check(
    node: Node, chain: tuple[ProviderRoute, ...], paths: Mapping[str, str], container: bool
) -> Iterator[ConfigFinding]:
    """Why a node's key cannot have a file of its own."""
    if ROLE not in paths:
        return
    asked, instead = 'key_store = "file"', 'write key_store = "env"'
    proxies = sorted({route.to.proxy for route in chain if route.to.proxy})
    if node.manage == "wiring":
        where = "the path at which the gateway finds it, and how its folder is mounted is its operator's"
        told = "`openclaw secrets reload` with the gateway's own environment, which is its operator's"
        why = f'{asked} needs {where if container else told} (manage = "wiring")'
        yield ConfigFinding("node.config-check", why, f'{instead}, or manage = "whole"')
    elif not container and target_folder(node.target) is None:
        why = f"{asked} is named in openclaw.json by its whole path, which {node.target} has on each machine another"
        yield ConfigFinding("node.config-check", why, f'{instead}, or target = "ssh://user@host/path"')
    if len(proxies) > 1:
        why = f"{asked} has room for the key of one proxy, and its models are on {' and '.join(proxies)}"
        yield ConfigFinding("node.config-check", why, f"{instead}, or name models behind the same proxy")
    if container and folder(paths[ROLE]) != folder(paths["openclaw"]):
        why = f"files.key is {paths[ROLE]!r}, which its container does not see: the folder of openclaw.json is mounted"
        yield ConfigFinding("node.config-check", why, "put both into one folder")


def tell(node: Node, paths: Mapping[str, str], container: bool) -> Query | None:
    """``secrets reload``, without a warning; nothing where nobody may run anything."""
    if node.activate == "never" or node.manage == "wiring" or "://" not in node.target or ROLE not in paths:
        return None
    words = _words(paths, container, RELOAD)
    why = f"the gateway cannot read {paths[ROLE]}, which belongs to uid {node.uid} (uid): does it run as that?"
    return Query("openclaw secrets reload", words, (("ok", True), ("warningCount", 0)), STARTS, why)


def turns(node: Node, paths: Mapping[str, str], container: bool) -> tuple[Query, ...]:
    """One short call of each model of the chain that goes through the proxy, by the gateway itself."""
    found = []
    for n, hop in enumerate(node.chain, 1):
        if not hop.direct:
            asked = ("infer", "model", "run", "--gateway", "--json", "--model", f"{PROVIDER}{n}/{hop.model}")
            words = _words(paths, container, (*asked, "--prompt", ASK))
            found.append(Query(f"a turn with {hop.model}", words, (("ok", True),), STARTS + hang(TIMEOUT)))
    return tuple(found)


def _words(paths: Mapping[str, str], container: bool, words: tuple[str, ...]) -> tuple[str, ...]:
    """OpenClaw's own command line where the gateway runs; its token is in the environment, never in the words."""
    if container:
        return argv(paths, "exec", "-T", SERVICE, "node", "dist/index.js", *words)
    return ("sh", "-c", 'set -a; . "$0" || exit; set +a; exec "$@"', f"./{paths['env']}", "openclaw", *words)
