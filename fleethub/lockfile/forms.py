"""The lockfile's format: what each table of ``fleet.lock`` holds, in the order in which it is written.

The journal's lines hold the same records. What is not required is left out where it is the default. Reading refuses
what it does not understand: that would be lost with the next write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from operator import not_
from typing import Annotated, Any, NotRequired

from pydantic import (
    AfterValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    Strict,
    TypeAdapter,
    ValidationError,
    with_config,
)
from typing_extensions import TypedDict

from fleethub.codec import SORTED, AsText, Named, Table, Texts, plain, said
from fleethub.lockfile.upgrade import block_of, kind_of, upgraded_record
from fleethub.model.address import Address
from fleethub.model.attributes import STRICT
from fleethub.model.attributes import plain as values
from fleethub.model.capacity import PlannedModel
from fleethub.model.observation import AnyLocked, Applied, Locked, Lockfile, Pending, Source, System, shared

Entries = Annotated[frozenset[str], Strict(False), AfterValidator(shared), PlainSerializer(sorted)]
Needs = Annotated[Mapping[Named, Entries], SORTED]
#: A table in what is read, which the kind then makes its own of; empty: there are none yet.
RawAttributes = Annotated[dict[str, Any], PlainSerializer(lambda attrs: {} if attrs is None else plain(values(attrs)))]
Generation = Annotated[int, Field(ge=0, lt=2**31)]
#: As many digits as stores order backups by, and far from what a database cannot count.
Serial = Annotated[int, Field(ge=0, lt=10**8)]


@with_config(STRICT)
class SourceForm(TypedDict):
    system: System
    of: str
    at: Annotated[str, Field(alias="origin")]


@with_config(STRICT)
class PendingForm(TypedDict):
    phases: Texts
    attrs: RawAttributes
    needs: Needs
    generation: NotRequired[Generation]


@with_config(STRICT)
class RecordForm(TypedDict):
    source: Annotated[Source, Table(SourceForm)]
    attrs: RawAttributes
    needs: NotRequired[Needs]
    shape: NotRequired[str]
    owner: NotRequired[str]
    generation: NotRequired[Generation]
    born: NotRequired[str]
    born_proxy: NotRequired[str]
    revoked: NotRequired[bool]
    protected: NotRequired[bool]
    by_hand: NotRequired[bool]
    found: NotRequired[Annotated[Mapping[str, Annotated[tuple[str, ...], Strict(False)]], SORTED]]
    pending: NotRequired[Annotated[Pending[Any], Table(PendingForm, sparse=True)]]


@with_config(STRICT)
class PlannedForm(TypedDict):
    model: str
    context: int
    primary: NotRequired[Annotated[bool, AfterValidator(not_), PlainSerializer(not_), Field(alias="fallback")]]
    tag: NotRequired[str]
    bytes: NotRequired[int]


@with_config(STRICT)
class AppliedForm(TypedDict):
    at: NotRequired[str]
    by: NotRequired[str]
    commit: NotRequired[str]
    spec: NotRequired[str]
    version: NotRequired[str]


_RECORD: TypeAdapter[AnyLocked] = TypeAdapter(Annotated[Locked[Any], Table(RecordForm, sparse=True)])


def encode(record: AnyLocked) -> dict[str, Any]:
    """One resource as plain values."""
    table: dict[str, Any] = _RECORD.dump_python(record, by_alias=True)
    return table


def decode(raw: Any, address: Address) -> AnyLocked:
    """The inverse of ``encode``, also for what format 1 wrote; raises ValueError."""
    try:
        record = _RECORD.validate_python(upgraded_record(address, raw))
    except ValidationError as error:
        raise ValueError(f"{address}: {said(error)}") from None
    source = record.source
    kind = kind_of(address)
    if not kind.reads(source.system):
        raise ValueError(f"{source.system!r} is no system of a {address.kind}")
    if source.of != block_of(address):
        raise ValueError(f"{address} cannot be of {source.of!r}")
    begun = record.pending
    try:
        if begun is not None:
            begun = replace(begun, attrs=kind.parse(begun.attrs) if begun.attrs else None)
        found = kind.parse_found(record.found)
        return replace(record, attrs=kind.parse(record.attrs) if record.attrs else None, pending=begun, found=found)
    except ValueError as error:
        raise ValueError(f"{address}: {error}") from None


def decode_all(raw: Any) -> dict[Address, AnyLocked]:
    """All resources, by address; raises ValueError."""
    if not isinstance(raw, Mapping):
        raise ValueError(f"{raw!r} holds no resources")
    records = {Address.parse(name): record for name, record in raw.items()}
    del raw  # of ten thousand nodes it is 50 MiB: what is decoded is let go of
    return {address: decode(records.pop(address), address) for address in tuple(records)}


def encode_all(records: Mapping[Address, AnyLocked]) -> dict[str, Any]:
    """The inverse, in the order of the addresses."""
    return {str(address): encode(record) for address, record in sorted(records.items())}


Records = Annotated[Mapping[Address, AnyLocked], PlainValidator(decode_all), PlainSerializer(encode_all)]
PlannedEntry = Annotated[PlannedModel, Table(PlannedForm, sparse=True)]
PlannedSets = Annotated[Mapping[str, Annotated[tuple[PlannedEntry, ...], Strict(False)]], SORTED]
Fits = Annotated[Mapping[str, str], SORTED]
Owed = Annotated[Mapping[Named, str], SORTED]
KeyName = Annotated[Address, AsText(("key",), "has no generations")]


def _derives(text: Any) -> bool:
    """What keys are derived from: the fleet's name (True), or its id."""
    if text not in ("name", "id"):
        raise ValueError(f"derive_from is {text!r}")
    return bool(text == "name")


DerivedByName = Annotated[
    bool, Field(alias="derive_from"), PlainValidator(_derives), PlainSerializer(lambda yes: "name" if yes else "id")
]


@with_config(STRICT)
class LockfileForm(TypedDict):
    """The head: all but the resources, which are many, and each goes through ``encode`` and nothing more.

    What changes with each apply stands together, so that for git two applies to different nodes meet nowhere else.
    """

    fleet: str
    id: NotRequired[str]
    by_name: NotRequired[DerivedByName]
    lineage: str
    seed: str
    serial: Serial
    apply: NotRequired[str]
    applied: NotRequired[Annotated[Applied, Table(AppliedForm, sparse=True)]]
    generations: NotRequired[Annotated[Mapping[KeyName, Generation], SORTED]]
    owed: NotRequired[Owed]
    planned: NotRequired[PlannedSets]
    fits: NotRequired[Fits]


LOCKFILE: TypeAdapter[Lockfile] = TypeAdapter(
    Annotated[Lockfile, Table(LockfileForm, absent={"by_name": False, "owed": {}})]
)
