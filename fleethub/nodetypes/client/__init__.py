"""Programs that people call models with, by their own documented files: ``[consumers.x] type = "codex"``.

Each is a line here and a folder of ``templates/``; docs/consumers.md says of which version it is, and where that is
documented. Their settings hold no key: that stands in a ``.env``, or alone in a file that a helper command reads.
"""

from fleethub.nodetypes.client.calls import of_aider, of_claude_code, of_codex, of_continue, of_open_webui
from fleethub.nodetypes.client.kind import Client
from fleethub.nodetypes.interface import FileType, Format

_KEY = FileType("key", "key.j2", "key", "fleethub.key", mode=0o600, wiring=True, help="The key alone")


def _env(help: str) -> FileType:
    return FileType("env", "env.j2", "dotenv", ".env", mode=0o600, wiring=True, usual=(".env",), help=help)


def _settings(template: str, format: Format, path: str, help: str) -> FileType:
    return FileType("settings", template, format, path, wiring=True, help=help)


TYPES = (
    Client("open-webui", "Open WebUI", (_env("Its environment file"),), "OPENAI_API_KEY", of_open_webui, shared=True),
    Client(
        "claude-code",
        "Claude Code",
        (_settings("settings.json.j2", "json", "fleethub.settings.json", "For claude --settings"), _KEY),
        calls=of_claude_code,
    ),
    Client(
        "codex",
        "Codex",
        (_settings("profile.toml.j2", "text", "fleethub.config.toml", "For codex --profile fleethub"), _KEY),
        calls=of_codex,
    ),
    Client(
        "aider",
        "Aider",
        (_settings("conf.yml.j2", "yaml", ".aider.conf.yml", "Its settings"), _env("Its key")),
        "OPENAI_API_KEY",
        of_aider,
    ),
    Client(
        "continue",
        "Continue",
        (_settings("config.yaml.j2", "yaml", "config.yaml", "Its settings"), _env("Its key")),
        "FLEETHUB_KEY",
        of_continue,
        kept=frozenset(("name", "version", "schema")),
    ),
)

__all__ = ["TYPES", "Client"]
