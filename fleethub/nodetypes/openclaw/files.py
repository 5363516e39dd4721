"""The files of a gateway, in the order in which they are renamed into place."""

from __future__ import annotations

from fleethub.nodetypes.interface import FileType
from fleethub.nodetypes.openclaw.names import IMAGE

FILES = (
    FileType(
        "env",
        "env.j2",
        "dotenv",
        ".env",
        mode=0o600,  # the only one that holds secrets
        wiring=True,
        public=frozenset({IMAGE}),
        usual=(".env",),
        help="The environment file; default .env",
    ),
    FileType(
        "compose",
        "compose.yaml.j2",
        "yaml",
        "compose.yaml",
        usual=("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"),
        help="The compose file; default compose.yaml",
    ),
    # before the config that names it: a gateway that takes the new config over at once finds it
    FileType(
        "key",
        "key.j2",
        "key",
        "openclaw.key",
        mode=0o600,  # OpenClaw reads no other
        told=True,
        process=True,
        wiring=True,
        help='With key_store = "file" its key; default openclaw.key, in a container beside openclaw.json',
    ),
    FileType(
        "openclaw",
        "openclaw.json.j2",
        "json",
        "openclaw.json",
        hot=True,
        wiring=True,
        usual=("openclaw.json", "state/openclaw.json", ".openclaw/openclaw.json"),
        help="OpenClaw's configuration; default openclaw.json",
    ),
    # for the node's own agents: no process depends on it
    FileType(
        "fleethub",
        "FLEETHUB.md.j2",
        "text",
        hot=True,
        help="A text that tells the node's agents about it, as workspace/FLEETHUB.md; default: none",
    ),
)
