"""A stop from outside: the proxy tells that a key is in use, and nothing is deleted until somebody means it."""

from __future__ import annotations

import time
from pathlib import Path

from fleethub.model.exit import Exit
from fleethub.testing.litellm import LiteLLM
from fleethub.testing.litellm.replica import BATCH
from tests.fleets import deployment, fleet
from tests.proxies import Admin, chat
from tests.support import MASTER, Place


def test_a_key_that_was_used_just_now_is_deleted_by_order_alone(tmp_path: Path) -> None:
    ahead = [0.0]  # seconds by which the proxy's clock goes before
    clock = lambda: time.monotonic() + ahead[0]  # noqa: E731
    with LiteLLM(models=[deployment("one")], master_key=MASTER, cache_ttl=0.01, clock=clock) as proxy:
        admin = Admin(proxy.url)
        made = fleet(proxy.url).models("one").key("ui", models=["one"])
        place = Place(tmp_path / "fleet", made.text)
        place.apply()
        place.run("show", "key.main.ui", "--to", f"file:{tmp_path}/value", code=0)
        assert chat(proxy.url, (tmp_path / "value").read_text().strip(), "one")[0] == 200
        ahead[0] += BATCH
        place.write(made.without("keys").text)
        said = place.run("apply", "-y", code=Exit.REFUSED)
        assert "stop.key-in-use key.main.ui: key.main.ui would be deleted, and a call was made with it" in said
        assert "[policy] key_idle is 10 minutes" in said
        assert len(admin.rows("ui")) == 1
        place.run("apply", "-y", "--allow", "stop.key-in-use", code=0)
        assert admin.rows("ui") == []
