"""What a node's machine has to say: programs that judge a new set there, and what stands in the node's way."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from fleethub.model.actions import SetCheck
from fleethub.model.consuming import Node
from fleethub.model.readings.host import HostReading
from fleethub.nodetypes.compose import argv
from fleethub.nodetypes.openclaw.checks import ConfigFinding
from fleethub.nodetypes.openclaw.compose import CONFIG_HOME
from fleethub.nodetypes.openclaw.names import folder, project, target_folder

VALIDATE = ("config", "validate", "--json")
#: The set is in a folder of its own while it is judged: the config's path of the node's .env is overridden.
HERE = "@set@/"


def validation(node: Node, paths: Mapping[str, str], container: bool) -> tuple[SetCheck, ...]:
    """Compose reads its file; OpenClaw of the node's own version reads the config, where it is there already."""
    config = paths["openclaw"]
    if node.manage == "wiring":
        return _wired(node, config, container)
    if not container:
        env = (f"OPENCLAW_CONFIG_PATH={HERE}{config}", f"OPENCLAW_STATE_DIR={HERE}../state")
        load = 'set -a; . "$0" || exit; set +a; exec env "$@"'
        words = ("sh", "-c", load, f"{HERE}{paths['env']}", *env, "openclaw", *VALIDATE)
        return (SetCheck("openclaw config validate", words, ("command", "-v", "openclaw"), json=True),)
    inside = f"{CONFIG_HOME}/{config.rpartition('/')[2]}"
    home = folder(config)
    mount = f"{HERE}{home}" if home != "." else HERE.rstrip("/")
    # as root: the set is its owner's alone while it is judged, and the image's user is another
    run = ["docker", "run", "--rm", "--network", "none", "--user", "0:0", "--env-file", f"{HERE}{paths['env']}"]
    run += ["-e", f"OPENCLAW_CONFIG_PATH={inside}", "-v", mount, node.image, "node", "dist/index.js", *VALIDATE]
    mounted = tuple(f"{word}:{CONFIG_HOME}:ro" if word == mount else word for word in run)
    return (
        SetCheck("docker compose config", argv(paths, "config", "--quiet"), ("docker", "compose", "version")),
        # an image that is not there yet would be pulled, for minutes: then FleetHub's own checks must do
        SetCheck("openclaw config validate", mounted, ("docker", "image", "inspect", node.image), json=True),
    )


def _wired(node: Node, config: str, container: bool) -> tuple[SetCheck, ...]:
    """OpenClaw reads somebody else's config. What starts it may set more variables than its env file: that is no fault.

    Not where it includes other files: they are not beside it while it is judged.
    """
    alone = f"! grep -qs '[$]include' {shlex.quote(config)}"
    if not container:
        env = ("env", f"OPENCLAW_CONFIG_PATH={HERE}{config}", f"OPENCLAW_STATE_DIR={HERE}../state")
        words: tuple[str, ...] = (*env, "openclaw", *VALIDATE)
        when = f"{alone} && command -v openclaw"
    elif node.image:
        inside, home = f"{CONFIG_HOME}/{config.rpartition('/')[2]}", folder(config)
        mount = f"{HERE}{home}:{CONFIG_HOME}:ro" if home != "." else f"{HERE}.:{CONFIG_HOME}:ro"
        run = ("docker", "run", "--rm", "--network", "none", "--user", "0:0", "-e", f"OPENCLAW_CONFIG_PATH={inside}")
        words = (*run, "-v", mount, node.image, "node", "dist/index.js", *VALIDATE)
        when = f"{alone} && docker image inspect {shlex.quote(node.image)}"
    else:
        return ()
    return (SetCheck("openclaw config validate", words, ("sh", "-c", when), json=True, lenient=True),)


def _startable(node: Node, container: bool, reading: HostReading) -> Iterator[ConfigFinding]:
    """What FleetHub would start an operator's node with, where the spec does not say it."""
    if node.activate == "never" or node.command or not container:
        return
    if not {"docker", "compose"} <= reading.tools.keys():
        why = f"{node.host} has no `docker compose`"
    elif not reading.compose:
        why = "no compose file lies at the target"
    else:
        return
    hint = 'write command = ["systemctl", "restart", "NAME"] or what starts it, or activate = "never"'
    yield ConfigFinding("node.no-docker", f"{why}, so what makes the node use its new variables is not known", hint)


def check(
    node: Node, paths: Mapping[str, str], container: bool, reading: HostReading, applied: bool
) -> Iterator[ConfigFinding]:
    """A second stack beside an old one, another's port, a missing program."""
    if node.manage == "wiring":
        yield from _startable(node, container, reading)
        return
    if node.activate == "auto" and container and "docker" not in reading.tools:
        message = f"{node.host} has no docker, so the node cannot be started"
        yield ConfigFinding("node.no-docker", message, 'install it, or write activate = "never"')
    elif node.activate == "auto" and container and "compose" not in reading.tools:
        message = f"docker of {node.host} does not know `docker compose`, so the node cannot be started"
        yield ConfigFinding("node.no-docker", message, 'install its Compose plugin, or write activate = "never"')
    if container and reading.uid not in (0, node.uid):
        message = (
            f"the login on {node.host} has uid {reading.uid}: the container, as {node.uid}, cannot write to its state"
        )
        hint = f"write uid = {reading.uid}, or log in as root"
        yield ConfigFinding("node.uid-differs", message, hint, warning=True)
        if "key" in paths:
            message = f"the container, as {node.uid}, cannot read {paths['key']}, which is the login's alone"
            yield ConfigFinding("node.config-check", message, hint)
    if container:
        yield from _stacks(node, paths, reading)
    yield from _port(node, container, reading, applied)


def _stacks(node: Node, paths: Mapping[str, str], reading: HostReading) -> Iterator[ConfigFinding]:
    here = target_folder(node.target)
    for name in reading.compose:
        if name != paths["compose"]:
            message = f"a second compose file lies at the target: {name}, beside {paths['compose']}"
            hint = f'write files = {{ compose = "{name}" }}, or move it away'
            yield ConfigFinding("compose.second-file", message, hint)
    others = {c.project for c in reading.containers if c.folder == here} - {project(node)}
    for other in sorted(others):
        message = f"the Compose project {other!r} runs from the target's folder, and the node's is {project(node)!r}"
        hint = f'write project = "{other}", or end it first: docker compose -p {other} down'
        yield ConfigFinding("compose.project-changes", message, hint)


def _port(node: Node, container: bool, reading: HostReading, applied: bool) -> Iterator[ConfigFinding]:
    takers = {c.project for c in reading.containers if c.running and node.port in c.ports}
    if others := sorted(takers - {project(node)}):
        yield ConfigFinding(
            "node.port-clash", f"port {node.port} is taken by the Compose project {others[0]!r}", "choose a port"
        )
    elif reading.listens.get(node.port) and not applied and not (container and takers):
        message = f"something listens on port {node.port} of {node.host} already"
        yield ConfigFinding("node.port-clash", message, "end it, or choose another port for the node")
