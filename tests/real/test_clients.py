"""Client settings (``[consumers.x] type``) with the programs themselves: each asks the fleet's URL, by its model, with
its key. Nothing answers them; what they ask is enough.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fleethub.testing.litellm import LiteLLM
from tests.fleets import deployment, fleet
from tests.support import MASTER, Place

pytestmark = pytest.mark.real
MODELS = ("one", "two")
NOWHERE = "http://127.0.0.1:9"
#: What they may not do beside it: nothing leaves this machine, nobody is counted, nothing replaces itself.
QUIET = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), NOWHERE),
    **{"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
    **{"DISABLE_TELEMETRY": "1", "DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"},
    **{"CONTINUE_METRICS_ENABLED": "0", "CONTINUE_CLI_AUTO_UPDATED": "true", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
}


def program(name: str) -> str:
    """The program, from the folders of FLEETHUB_CLIENTS: see tests/real/README.md."""
    found = shutil.which(name, path=os.environ.get("FLEETHUB_CLIENTS", ""))
    if found is None:
        if "FLEETHUB_CLIENTS" in os.environ and os.environ.get("FLEETHUB_REQUIRE_REAL"):
            pytest.fail(f"FLEETHUB_CLIENTS names no folder with {name}")
        pytest.skip(f"FLEETHUB_CLIENTS names no folder with {name}")
    return found


class Asked:
    """An endpoint that writes down who asks for what, and refuses it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str]] = []
        self.path, self.come = "", threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode(errors="replace")
                key = self.headers.get("authorization") or self.headers.get("x-api-key") or ""
                outer.calls.append((self.path, key, body))
                if self.path.partition("?")[0] == outer.path:
                    outer.come.set()
                self.send_response(400)
                self.end_headers()
                self.wfile.write(b'{"error": {"message": "no", "type": "invalid_request_error"}}')

            do_GET = do_POST

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def asked() -> Iterator[Asked]:
    found = Asked()
    yield found
    found.server.shutdown()
    found.server.server_close()


COMMANDS = {
    "claude-code": (["claude", "--settings", "{at}/fleethub.settings.json", "-p", "say hi"], "/v1/messages"),
    "codex": (
        ["codex", "exec", "--profile", "fleethub", "-c", "analytics.enabled=false", "-c",
         "check_for_update_on_startup=false", "--skip-git-repo-check", "say hi"],
        "/v1/responses",
    ),
    "aider": (
        ["aider", "--config", "{at}/.aider.conf.yml", "--env-file", "{at}/.env", "--no-git", "--yes-always",
         "--no-check-update", "--no-show-model-warnings", "--analytics-disable", "--message", "say hi"],
        "/v1/chat/completions",
    ),
    "continue": (["cn", "--config", "{at}/config.yaml", "-p", "say hi"], "/v1/chat/completions"),
}  # fmt: skip


@pytest.mark.parametrize("client", COMMANDS)
def test_it_asks_as_it_is_told(client: str, asked: Asked, tmp_path: Path) -> None:
    argv, path = COMMANDS[client]
    argv, asked.path = [program(argv[0]), *argv[1:]], path
    with LiteLLM(models=[deployment(name) for name in MODELS], master_key=MASTER, cache_ttl=0.01) as proxy:
        spec = fleet(asked.url, admin_url=proxy.url).models(*MODELS)
        spec = spec.table("consumers.ann", type=client, model="one", fallbacks=["two"], settle="0s")
        place = Place(tmp_path / "fleet", spec.text)
        place.apply()
        place.plan_is_empty()
        at, home, work = place.folder / "consumers/ann", tmp_path / "home", tmp_path / "work"
        for folder in (home / ".continue", work):
            folder.mkdir(parents=True)
        if client == "continue":  # it reads secrets from its own folder alone
            shutil.copy(at / ".env", home / ".continue/.env")
        key = next(f for name in ("fleethub.key", ".env") if (f := at / name).exists())
        assert key.stat().st_mode & 0o077 == 0
        env = {
            **{"PATH": os.environ["PATH"], "HOME": str(home), "CLAUDE_CONFIG_DIR": str(at), "CODEX_HOME": str(at)},
            **QUIET,
        }
        told = [word.replace("{at}", str(at)) for word in argv]
        running = subprocess.Popen(
            told, cwd=work, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            asked.come.wait(120)
        finally:
            os.killpg(running.pid, 9)
            said = running.communicate()[0].decode(errors="replace")
        asks = [(where, who, body) for where, who, body in asked.calls if where.partition("?")[0] == path]
        assert asks, f"{asked.calls}\n{said}"
        value = key.read_text().partition("=")[2].strip().strip("'") or key.read_text().strip()
        assert {who.removeprefix("Bearer ") for _, who, _ in asks} == {value}
        assert {model for _, _, body in asks for model in re.findall(r'"model": ?"([^"]*)"', body)} <= {*MODELS}
        assert re.search(r'"model": ?"one"', asks[0][2]), asks[0][2][:300]
