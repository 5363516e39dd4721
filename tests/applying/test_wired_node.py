"""A node that somebody else set up, through the command line: wired, swapped, repaired, let go; his bytes stay."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fleethub.dotenv import assignments
from fleethub.formats import json5
from tests.kinds.test_wiring import CONFIG, ENV
from tests.support import Place
from tests.test_laws import World
from tests.views.test_text import MODELS

NODE = '\n[nodes.volta]\nhost = "volta"\nmanage = "wiring"\nmodel = "qwen3-32b"\n'
COMPOSE = "services:\n  caddy: {}\n  watchtower: {}\n"


@pytest.fixture
def place(world: World, tmp_path: Path) -> Place:
    """A folder with a compose file of two services, a JSON5 config with a channel, and other variables."""
    made = world.place(tmp_path, MODELS + NODE)
    folder = made.folder / "nodes/volta"
    folder.mkdir(parents=True)
    for name, text in {"openclaw.json": CONFIG, ".env": ENV, "docker-compose.yml": COMPOSE}.items():
        (folder / name).write_text(text)
    (folder / "openclaw.json").chmod(0o600)
    (folder / "compose.override.yaml").write_text("services: {}\n")
    return made


def test_its_operator_keeps_his_files(place: Place) -> None:
    folder = place.folder / "nodes/volta"
    said = [place.run("plan", "--full", code=0), place.apply()]
    place.plan_is_empty()
    place.run("render", "-o", str(place.folder.parent / "out"), code=0)
    shown = json5.read((place.folder.parent / "out/volta/openclaw.json").read_bytes())
    assert shown is not None
    assert set(shown) == {"agents", "models"}, "only FleetHub's part"
    assert "1 fine" in place.run("verify", "volta", code=0)
    config = json5.read((folder / "openclaw.json").read_bytes())
    assert config is not None
    assert config["agents"]["defaults"]["model"]["primary"] == "fleethub-1/qwen3-32b"
    assert stat.S_IMODE((folder / "openclaw.json").stat().st_mode) == 0o600
    assert (folder / ".env").read_text().startswith(ENV)
    assert (folder / "docker-compose.yml").read_text() == COMPOSE
    (stamp,) = (folder / ".fleethub/overwritten").iterdir()
    assert (stamp / "openclaw.json").read_text() == CONFIG, "what adoption found is kept"

    text = (folder / "openclaw.json").read_text()
    text = text.replace("hands off", "hands on").replace('every: "30m"', "every: '1h'")
    (folder / "openclaw.json").write_text(text)
    place.plan_is_empty()

    env = (folder / ".env").read_text().replace("FLEETHUB_KEY_MAIN='", "FLEETHUB_KEY_MAIN='canary-1")
    (folder / ".env").write_text(env)
    drift = next(line for line in place.json("plan") if line["type"] == "drift")
    assert [field["path"] for field in drift["fields"]] == [[".env", "FLEETHUB_KEY_MAIN"]]
    said += [place.run("plan", "--full"), place.apply()]
    place.plan_is_empty()

    place.edit('model = "qwen3-32b"', 'model = "gpt-oss-20b"')
    said.append(place.apply())
    place.plan_is_empty()
    after = json5.read((folder / "openclaw.json").read_bytes())
    assert after is not None
    assert after["agents"]["defaults"]["model"]["primary"] == "fleethub-1/gpt-oss-20b"
    assert after["agents"]["defaults"]["heartbeat"] == {"every": "1h"}
    assert "/* hands on */" in (folder / "openclaw.json").read_text()

    place.edit('manage = "wiring"\n', "")
    lost = place.run("plan")
    for name in ("channels", "models.providers.mine", "agents.defaults.heartbeat", ".env TELEGRAM", ".env TZ"):
        assert name in lost, name
    said.append(lost)
    place.edit('host = "volta"\n', 'host = "volta"\nmanage = "wiring"\n')
    place.plan_is_empty()

    place.write((place.folder / "fleet.toml").read_text().split("[nodes.volta]")[0])
    said.append(place.apply())
    before = CONFIG.replace("hands off", "hands on").replace('every: "30m"', "every: '1h'")
    assert (folder / "openclaw.json").read_text() == before, "what it called comes back, what is his stays"
    assert ((folder / ".env").read_text(), (folder / "docker-compose.yml").read_text()) == (ENV, COMPOSE)
    told = "".join(said) + (place.folder / "fleet.lock").read_text()
    assert "canary" not in told
    assert assignments((folder / ".env").read_text())["TELEGRAM"] == "canary-8"
