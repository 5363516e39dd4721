"""The whole fleet as it was last seen is what it is read back as."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from fleethub.model.fleet_status import FleetStatus, ResourceStatus
from fleethub.state import last_look
from fleethub.testing import litellm
from tests.fleets import deployment, fleet
from tests.support import MASTER, Place


@pytest.fixture(scope="module")
def status(tmp_path_factory: pytest.TempPathFactory) -> FleetStatus:
    """Of a fleet with something of everything, half of which is not there."""
    with litellm.LiteLLM(models=[deployment("one")], master_key=MASTER) as proxy:
        spec = (
            fleet(proxy.url).models("one", "two").node("volta", "one").node("faraday", "two").key("web", models=["one"])
        )
        more = '\n[backends.b]\nhost = "127.0.0.1"\nproxy = "main"\n[[backends.b.gpus]]\nname = "A"\nvram = "24 GiB"\n'
        place = Place(tmp_path_factory.mktemp("look") / "fleet", spec.text + more)
        place.run("apply", "--auto-approve")
        (place.folder / "nodes/volta/.env").unlink()
        place.run("plan")
    found = last_look.read(place.folder)
    assert found is not None
    return found


def test_it_is_written_as_its_types_say(status: FleetStatus, tmp_path: Path) -> None:
    assert [one.name for one in fields(status) if not getattr(status, one.name)] == ["fatal", "resources"]
    backends = tuple(replace(one, endpoints={"a": "b"}) for one in status.backends)
    other = ResourceStatus("toy.a", "lab", "there", waits=("b",))
    for written in (status, replace(status, backends=backends, resources=(other,))):
        written = replace(written, root=str(tmp_path))
        last_look.save(written)
        assert (tmp_path / last_look.NAME).read_bytes() == TypeAdapter(FleetStatus).dump_json(written)
        assert last_look.read(tmp_path) == written
