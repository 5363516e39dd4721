"""An apply that was frozen and taken for dead: it stops at its next step, denies nobody and turns nothing back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from fleethub.clients.litellm import LiteLLM as Client
from fleethub.model.exit import Exit
from fleethub.model.secret import Secret
from fleethub.stores.file import FileStore
from fleethub.testing.litellm import LiteLLM
from tests.applying.test_contract import MODELS
from tests.applying.test_crash import spec, wired
from tests.forked import ended
from tests.proxies import Admin, chat
from tests.support import MASTER, Place

#: Before the first step and before the delivery; test-long: before every other step of a swap.
STEPS = [1, 3, *(pytest.param(n, marks=pytest.mark.long) for n in (2, 4, 5))]


@pytest.mark.parametrize("frozen", STEPS)
def test_a_robbed_apply_stops_at_its_next_step(tmp_path: Path, frozen: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frozen before one of its steps; somebody removes its lock and applies another spec to its end; thawed."""
    with LiteLLM(models=MODELS, master_key=MASTER) as proxy:
        admin = Admin(proxy.url)
        place = Place(tmp_path / "fleet", spec(proxy.url))
        place.apply()
        place.edit('model = "qwen3-32b"', 'model = "gemma3-27b"')
        check, checks, robbed = FileStore.check, 0, ""

        def thawed(store: FileStore, base: str) -> None:
            nonlocal checks, robbed
            checks += 1
            if checks == frozen:
                (place.folder / ".fleethub/lock").unlink()
                place.edit('model = "gemma3-27b"', 'model = "qwen3-32b"')
                env = {**os.environ, "LITELLM_MASTER_KEY": MASTER}
                theirs = ended("-C", str(place.folder), "apply", "--auto-approve", env=env)
                robbed = theirs.stdout + theirs.stderr
                assert theirs.returncode == 0, robbed
            check(store, base)

        monkeypatch.setattr(FileStore, "check", thawed)
        out = place.apply(code=Exit.STALE)
        monkeypatch.undo()
        assert "(.fleethub/lock) was taken from this apply; nothing more was done, run fleethub plan" in out, robbed
        assert checks == frozen, "each further step would have been looked at"
        assert wired(place) == "qwen3-32b", "what came later is not turned back"
        assert chat(proxy.url, place.env("volta")["FLEETHUB_KEY_MAIN"], "qwen3-32b")[0] == 200
        assert all(record.pending is None for record in place.lockfile.resources.values())
        place.apply()
        place.plan_is_empty()
        assert admin.row("volta")["models"] == ["qwen3-32b"]
        admin.http.close()


def test_a_key_that_appears_meanwhile_is_no_ones_to_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM refuses the alias; and one that has our value and not our mark is not the key that was made."""
    generate = Client.generate
    with LiteLLM(models=MODELS, master_key=MASTER) as proxy:
        admin = Admin(proxy.url)
        place = Place(tmp_path / "fleet", spec(proxy.url))

        def late(api: Client, body: dict[str, Any], value: Secret) -> None:
            admin.generate(key_alias="volta", models=["gemma3-27b"])
            generate(api, body, value)

        monkeypatch.setattr(Client, "generate", late)
        assert "Key with alias 'volta' already exists" in place.apply(code=Exit.PARTIAL)
        assert admin.row("volta")["models"] == ["gemma3-27b"]
        admin.http.post("/key/delete", json={"keys": [admin.row("volta")["token"]]}).raise_for_status()

        def theirs(api: Client, body: dict[str, Any], value: Secret) -> None:
            mark = {**body["metadata"]["fleethub"], "serial": 99}
            generate(api, {**body, "metadata": {"fleethub": mark}}, value)

        monkeypatch.setattr(Client, "generate", theirs)
        assert "did not take over the mark" in place.apply(code=Exit.PARTIAL)
        admin.http.close()
