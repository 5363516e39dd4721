"""A kind that only this test knows, once registered, is planned, applied, recorded and told of like the others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from fleethub import kinds
from fleethub.kinds.compare import record
from fleethub.kinds.interface import Kind
from fleethub.kinds.values import Work
from fleethub.lockfile.text import load
from fleethub.model.address import PARTS, Address
from fleethub.model.observation import Absent, Resource, Seen, Source, Unknown
from fleethub.model.plan import Phase, Step
from fleethub.model.readings.host import HostReading
from tests.fleets import fleet
from tests.support import Place

A = Address("motto", "a")


@dataclass(frozen=True, slots=True)
class MottoAttrs:
    text: str


@dataclass(frozen=True, slots=True)
class Write:
    operation: ClassVar[str] = "motto.write"
    says: ClassVar[str] = "write motto"
    name: str
    text: str | None


class MottoKind(Kind[MottoAttrs, None, None]):
    name, attrs, system = "motto", MottoAttrs, "host"

    def __init__(self, root: Path, texts: Mapping[str, str]) -> None:
        self.root, self.texts = root, texts

    def desired(self, inputs: Any) -> Iterable[Resource[MottoAttrs, None]]:
        for name, text in self.texts.items():
            address, source = Address("motto", name), Source("host", "mottos", ask=(name,), of=f"motto.{name}")
            yield Resource(address, source, MottoAttrs(text), None)

    def sources(self, fleet: Any, wanted: Any, locked: Any) -> Iterable[Source]:
        yield from (resource.source for resource in wanted.values())
        yield from (replace(record.source, ask=(address.name,)) for address, record in locked.items())

    def observe(
        self, address: Address, want: Any, locked: Any, context: Any
    ) -> Seen[MottoAttrs, None] | Absent | Unknown:
        reading = context.facts.of((want or locked).source)
        if not isinstance(reading, HostReading):
            return Unknown("it was not read", context.facts.at)
        file = reading.files.get(address.name)
        there = file.content.reveal().decode() if file and file.content else None
        return Seen(MottoAttrs(there), context.facts.at, None) if there is not None else Absent(context.facts.at)

    def steps(self, item: Any, dependents: Any) -> Work:
        phase, locked = (Phase.EXPAND, record(item.want)) if item.want else (Phase.CONTRACT, None)
        do = Write(item.address.name, item.want.attrs.text if item.want else None)
        return Work((Step(f"{item.address}/write", item.address, phase, do, (), locked, locked is None),))

    def handlers(self) -> Mapping[type, Any]:
        return {Write: self._write}

    def _write(self, do: Write, context: Any) -> tuple[str, ...]:
        (self.root / "mottos").mkdir(exist_ok=True)
        path = self.root / "mottos" / do.name
        path.unlink() if do.text is None else path.write_text(do.text)
        return ()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for registry in (PARTS, kinds.KINDS):
        monkeypatch.setitem(registry, "motto", None)  # so that it is gone after the test
        monkeypatch.delitem(registry, "motto")
    kinds.register(MottoKind(tmp_path / "fleet", {"a": "hello"}))
    return Place(tmp_path / "fleet", fleet(None).text)


def lines(place: Place, *argv: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in place.run("--json", *argv).splitlines()]


def test_it_is_planned_applied_recorded_and_told_of(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Creates 1 motto; nothing is deleted." in place.run("plan", code=0)
    change = next(line for line in lines(place, "plan") if line["type"] == "change")
    assert (change["address"], change["action"]) == ("motto.a", "create")
    assert change["fields"] == [{"path": ["text"], "after": "hello"}]
    assert "motto.a  [create planned]" in " ".join(place.run("status", code=0).split("\n")).replace(": absent", "")
    place.apply()
    motto = place.folder / "mottos/a"
    assert motto.read_text() == "hello"
    assert load((place.folder / "fleet.lock").read_text()).resources[A].attrs == MottoAttrs("hello")
    place.plan_is_empty()
    (row,) = next(line for line in lines(place, "status") if "resources" in line)["resources"]
    assert (row["address"], row["state"], row["change"]) == ("motto.a", "there", "")
    assert next(line for line in lines(place, "show", "motto.a"))["wanted"] == {"text": "hello"}

    motto.write_text("by hand")
    assert "text changed" in place.run("plan", code=0)
    place.apply()
    assert motto.read_text() == "hello"
    monkeypatch.setitem(kinds.KINDS, "motto", MottoKind(place.folder, {}))
    assert "Deletes 1 motto" in place.run("plan", code=0)
    place.apply()
    assert not motto.exists()
    assert load((place.folder / "fleet.lock").read_text()).resources == {}


def test_the_kind_is_short_and_no_file_of_the_product_knows_it() -> None:
    text = Path(__file__).read_text()
    kind = text[text.index("@dataclass(frozen") : text.index("@pytest.fixture")]
    assert sum(bool(line.strip()) for line in kind.splitlines()) <= 40
    product = (path for path in Path(kinds.__file__).parents[1].rglob("*.py"))
    assert not [path for path in product if re.search(r"MottoKind|motto\.write|[\"']motto[\"'.]", path.read_text())]
