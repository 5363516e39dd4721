"""What a fleet's values are derived from: its id, or its name; neither changes under it unseen."""

from __future__ import annotations

from pathlib import Path

from fleethub.model.address import Address
from tests.support import Place
from tests.test_laws import SPEC, World

KEY = Address("key", "main.a")
ID, OTHER = "0123456789abcdef0123", "fedcba98765432100123"


def value(place: Place) -> str:
    return str(place.lockfile.resources[KEY].attrs.value)


def test_an_id_that_comes_later_is_refused_unless_values_stay_with_the_name(world: World, tmp_path: Path) -> None:
    place = world.place(tmp_path, SPEC)
    place.apply()
    before = value(place)
    assert place.lockfile.by_name
    place.edit('name = "laws"', f'name = "laws"\nid = "{ID}"')
    assert 'hint: write derive_from = "name" beside id' in place.run("plan", code=3)
    assert "fleet.id-added" in place.apply(code=3)
    place.edit(f'id = "{ID}"', f'id = "{ID}"\nderive_from = "name"')
    place.plan_is_empty()
    place.edit("rpm = 60", "rpm = 61")
    place.apply()
    assert (place.lockfile.id, place.lockfile.by_name, value(place)) == (ID, True, before)
    place.edit('name = "laws"', 'name = "rules"')
    assert "fleet.renamed" in place.run("plan", code=3)


def test_a_fleet_with_an_id_may_be_renamed_and_keeps_its_values(world: World, tmp_path: Path) -> None:
    place = world.place(tmp_path, SPEC)
    place.edit('name = "laws"', f'name = "laws"\nid = "{ID}"')
    place.apply()
    before = value(place)
    place.edit('name = "laws"', 'name = "rules"')
    place.apply()
    place.plan_is_empty()
    assert value(place) == before
    place.edit(ID, OTHER)
    assert "fleet.id-changed" in place.run("plan", code=3)
    place.edit(f'id = "{OTHER}"', "")
    assert f'write id = "{ID}" again' in place.run("plan", code=3)


def test_the_id_and_not_the_name_makes_the_value(world: World, tmp_path: Path) -> None:
    found = []
    for fleet_id in (ID, OTHER):
        place = world.place(tmp_path / fleet_id, SPEC)
        place.edit('name = "laws"', f'name = "laws"\nid = "{fleet_id}"')
        place.apply()
        found.append(value(place))
    assert found[0] != found[1]


def test_an_upgrade_of_the_lockfile_alone_is_not_written(world: World, tmp_path: Path) -> None:
    import re

    place = world.place(tmp_path, SPEC)
    place.apply()
    path = place.folder / "fleet.lock"
    text = re.sub(r'\[generations\]\n("[^"]*" = .*\n)+', "", path.read_text())
    text = re.sub(r"^(id|derive_from|of|generation) = .*\n", "", text, flags=re.M)
    text = text.replace("origin = ", "at = ").replace("format = 2", "format = 1")
    path.write_text(text)
    place.plan_is_empty()
    place.apply()
    assert path.read_text() == text
    place.edit("rpm = 60", "rpm = 61")
    place.apply()
    assert "format = 2" in path.read_text()
    assert place.lockfile.generations[KEY] == 1
