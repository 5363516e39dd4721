"""Key steps: write, read back, prove. Read-merge-write keeps what others keep in a key's metadata."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from fleethub.clients.litellm import LiteLLM, LiteLLMError
from fleethub.kinds.compare import marked
from fleethub.kinds.execution import Context, Handler, StepError
from fleethub.kinds.key.actions import KeyDelete, KeyPut, KeyRelease, KeyRevoke, KeyWiden, ProveKey
from fleethub.kinds.key.attributes import BY_MODEL, is_interim, power, shown
from fleethub.kinds.key.fields import differing, fields, seconds
from fleethub.kinds.key.marks import mark_of
from fleethub.kinds.key.proving.execute import prove
from fleethub.model.readings.proxy import KeyRow
from fleethub.model.secret import Derived, KeptValue, Secret
from fleethub.model.text import heard, table_name

#: Seconds that two clocks may differ by.
CLOCKS = 300.0


def put(do: KeyPut, context: Context) -> tuple[str, ...]:
    """Create or update, then read back; raises StepError when the proxy did not take it as sent.

    The notes tell what LiteLLM added to a new key by itself.
    """
    api, token = context.litellm(do.source), _token(do.value, context)
    mark = {**context.mark(do.generation), "born": do.value.name, "born_proxy": do.value.scope, **marked(do.found)}
    if isinstance(do.value, KeptValue):  # no value of ours proves whose it is
        mark["fleet"] = context.fleet
    if do.create:
        if isinstance(do.value, KeptValue) or not do.models:
            raise StepError("a key without models would reach all of them; this is a bug of FleetHub's")
        body: dict[str, Any] = {
            **(_like(api, do.like, do) if do.like else {}),
            "key_alias": do.alias,
            "models": list(do.models),
        }
        metadata = {**body.get("metadata", {}), "fleethub": {**mark, **_lifetime(do.limits)}}
        given = {name: limit for name, limit in do.limits.items() if limit is not None}
        body |= {**fields(given, body, metadata), "metadata": metadata}
        if (team := body.get("team_id")) and not _call(api.has_team, team):
            says = f"LiteLLM has no team {heard(team)!r}: it would make the key and refuse every call of it"
            raise StepError(f"{says}; name a team that is there, in [keys.{table_name(do.alias)}]")
        # one that appeared since the plan was made is refused by LiteLLM, which asks for aliases that are unique
        _call(api.generate, body, context.resolver.open(do.value))
        return _freed(api, do, token, body, context)
    rows = _call(api.find, do.alias)
    if all(row.token != token for row in rows):  # somebody gave it another alias
        rows += _call(api.by_token, token)
    row = _ours(rows, do.alias, context)
    name = {"key_alias": do.alias} if row.alias != do.alias else {}
    metadata = {**row.metadata}
    given = fields(do.limits, row.limits, metadata)
    before = metadata.get("fleethub")
    ends = before.get("expires") if isinstance(before, dict) and "expires" not in do.lift else None
    metadata["fleethub"] = {**({"expires": ends} if ends else {}), **mark, **_lifetime(do.limits)}
    again = {n: row.limits[n] for n in BY_MODEL if row.limits.get(n)}  # they go with the metadata, so are sent again
    body = {**name, **again, **given, **_lifted(do.lift), "metadata": metadata}
    if do.models is not None:
        body["models"] = list(do.models)
    if do.unblock:
        body["blocked"] = False
    _call(api.update, row.token, body)
    _read_back(api, do, token, context)
    return ()


def widen(do: KeyWiden, context: Context) -> tuple[str, ...]:
    """Add models to the list of a key, then read it back."""
    api = context.litellm(do.source)
    rows = _call(api.by_token, do.token)
    row = _ours(rows, do.alias, context)
    if row.models:  # an empty list is all models
        _call(api.update, row.token, {"models": sorted({*row.models, *do.models})})
        (row,) = _call(api.by_token, do.token) or rows
        if lacking := sorted({*do.models} - {*row.models}):
            raise StepError(f"the proxy accepted the write and did not give {do.alias!r} {', '.join(lacking)}")
    return ()


def _token(value: Derived | KeptValue, context: Context) -> str:
    """LiteLLM's hash of a key's value."""
    return value.token if isinstance(value, KeptValue) else context.resolver.open(value).sha256()


def _like(api: LiteLLM, token: str, do: KeyPut) -> dict[str, Any]:
    """What a new key takes over of the one whose place it takes, where the spec does not say otherwise."""
    rows: list[KeyRow] = _call(api.by_token, token)
    if not rows:
        return {}
    row = rows[0]
    apart = {"fleethub", *BY_MODEL, *({"tags"} & do.limits.keys())}
    metadata = {name: value for name, value in row.metadata.items() if name not in apart}
    by_model = {name: left for name in BY_MODEL if (left := _above_zero(row.limits.get(name) or {}))}
    others = {name: limit for name, limit in row.limits.items() if limit and name not in (*BY_MODEL, *do.limits)}
    found = {**others, **by_model}
    team = {"team_id": row.team} if row.team and "team" not in do.limits else {}
    return {**found, **team, "spend": row.spend or 0.0, "metadata": metadata}


def _above_zero(limits: dict[str, Any]) -> dict[str, Any]:
    return {model: limit for model, limit in limits.items() if limit != 0}


def _lifetime(limits: Mapping[str, Any]) -> dict[str, Any]:
    """What the mark says of a key that is given an end: how long, and until when, for LiteLLM keeps the end alone."""
    told = limits.get("expires")
    if told is None:
        return {}
    end = datetime.now(UTC) + timedelta(seconds=seconds(told))
    return {"expires": {"for": told, "at": end.isoformat(timespec="seconds")}}


def _lifted(names: Iterable[str]) -> dict[str, Any]:
    """The fields of an update that take these attributes off; null is refused for the lists and tables."""
    fields: dict[str, tuple[str, Any]] = {
        "expires": ("duration", None),
        "allowed_routes": ("allowed_routes", []),
        "aliases": ("aliases", {}),
        "router_settings": ("router_settings", {}),
    }
    return dict(fields[name] for name in names if name in fields)


def _freed(api: LiteLLM, do: KeyPut, token: str, sent: Mapping[str, Any], context: Context) -> tuple[str, ...]:
    """Take off what the proxy's default_ and upperbound_key_generate_params took from a new key; tell the rest."""
    row = _read_back(api, do, token, context)
    added = {name: value for name, value in power(row).items() if do.limits.get(name) is None}
    if added:
        _call(api.update, row.token, _lifted(added))
        row = _read_back(api, do, token, context)
        if left := {n: value for n, value in power(row).items() if n in added}:
            raise StepError(f"the proxy gives new keys {shown(left)}, and does not take it off")
    limits = {name: limit for name, limit in row.limits.items() if limit is not None and name not in sent}
    gave = f"LiteLLM gave the new key {do.alias!r} by itself"
    notes = [f"{gave} {shown(added)}: taken off again"] if added else []
    block = f"[keys.{table_name(re.sub(rf'--g{do.generation}(-2)?$', '', do.alias))}]"  # beside an older value
    notes += [f"{gave} {shown(limits)}: left alone, {block} can set what it names"] if limits else []
    return tuple(notes)


def delete(do: KeyDelete, context: Context) -> tuple[str, ...]:
    """Delete one key of ours; the answer echoes whatever was asked, so it is asked for by itself afterwards."""
    api = context.litellm(do.source)
    for token in do.tokens:
        _gone(api, token, do.alias, context)
    marks = [mark_of(row.metadata) for row in _call(api.find, do.alias)]
    stays = any(mark is None or mark.lineage != context.lineage for mark in marks)
    return (f"a key {do.alias!r} that FleetHub did not make stays",) if stays else ()


def release(do: KeyRelease, context: Context) -> tuple[str, ...]:
    """Take the mark off and put models and limits back, then read it back; says what the proxy does not take back."""
    api, notes = context.litellm(do.source), list[str]()
    for token in do.tokens:
        first = token == do.tokens[0]
        rows = _call(api.by_token, token)
        row = _ours(rows, do.alias, context)
        metadata = {name: value for name, value in row.metadata.items() if name != "fleethub"}
        again = {n: row.limits[n] for n in BY_MODEL if row.limits.get(n)}  # they go with the metadata
        models = do.models if first else None
        given: dict[str, Any] = {} if models is None else {"models": list(models)}
        limits = do.limits if first else {}
        if first and is_interim(row.alias, do.alias):
            given["key_alias"] = do.alias
        back = fields(_with_lifetime(limits), row.limits, metadata)
        if not given and not back and metadata == row.metadata:
            continue
        body = {**again, **back, **given, "metadata": metadata}
        if limits.get("team"):
            limits, says = _team_back(api, row, body, limits, do.alias)
            notes += says
        else:
            _call(api.update, row.token, body)
        (row,) = _call(api.by_token, token) or rows
        scope = models is None or {*row.models} == {*models}
        ends = limits.get("expires")  # a moment, or none at all
        others = {name: limit for name, limit in limits.items() if name != "expires" or ends is None}
        late = ends is not None and not _ends_at(row, ends)
        if (
            mark_of(row.metadata) is not None
            or (first and is_interim(row.alias, do.alias))
            or not scope
            or late
            or differing(row, others, created=False)
        ):
            raise StepError(f"the proxy accepted the write and did not let go of {do.alias!r}")
    return tuple(notes)


def _with_lifetime(limits: Mapping[str, Any]) -> dict[str, Any]:
    """A moment at which a key ends as how long that is from now: LiteLLM takes no moments."""
    if limits.get("expires") is None:
        return dict(limits)
    return {**limits, "expires": f"{max(1, round((_time(limits['expires']) - datetime.now(UTC)).total_seconds()))}s"}


def _ends_at(row: KeyRow, moment: str) -> bool:
    """Whether a key ends then, as far as two clocks can tell."""
    return row.expires is not None and abs((_time(row.expires) - _time(moment)).total_seconds()) < CLOCKS


def _time(text: str) -> datetime:
    told = datetime.fromisoformat(text)
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _team_back(
    api: LiteLLM, row: KeyRow, body: Mapping[str, Any], limits: Mapping[str, Any], alias: str
) -> tuple[Mapping[str, Any], list[str]]:
    """Write it with the team that it was found in, or without where LiteLLM takes it into that no more (the team is
    gone, or its list is narrower than the key's: 401); the limits that it then has, and what is to be said.
    """
    try:
        api.update(row.token, dict(body))
        return limits, []
    except LiteLLMError as error:
        if not 400 <= (error.status or 0) < 500:
            raise StepError(str(error)) from None
        was = f"{limits['team']}, its team before, is refused ({error})"
        says = f"the key {alias!r} stays in {row.team or 'no team'}: {was}"
    _call(api.update, row.token, {name: value for name, value in body.items() if name != "team_id"})
    return {name: value for name, value in limits.items() if name != "team"}, [says]


def revoke(do: KeyRevoke, context: Context) -> tuple[str, ...]:
    """Block through each endpoint, delete, and ask each with the key itself where its value is known."""
    master = context.resolver.open(do.source.credential) if do.source.credential else None
    doors = {endpoint: LiteLLM(context.http, endpoint, master) for endpoint in do.endpoints}
    deaf: dict[str, str] = {}
    for endpoint, api in doors.items():
        for token in do.tokens:
            try:
                api.block(token)
            except LiteLLMError as error:
                deaf[endpoint] = str(error)
    for token in do.tokens:
        _gone(doors[do.source.at], token, do.alias, context)
    late = f"may take the key for up to {do.ttl:g} s more (key_cache_ttl)"
    notes = [f"{endpoint} could not be told ({why}): it {late}" for endpoint, why in deaf.items()]
    if do.processes > 1:
        notes.append(f"workers that cannot be asked one by one {late}")
    value = context.resolver.open(do.value) if do.value is not None and do.tokens else None
    for endpoint, api in doors.items() if value is not None else ():
        if endpoint not in deaf and do.processes == 1 and _takes(api, endpoint, value):
            raise StepError(f"{endpoint} still takes the key {do.alias!r}, though it is blocked and deleted")
    return tuple(notes)


def _takes(api: LiteLLM, endpoint: str, value: Secret | None) -> bool:
    """Whether an endpoint answers to a key; no answer at all is none."""
    try:
        api.models_seen_by(endpoint, value)
    except LiteLLMError:
        return False
    return True


def _gone(api: LiteLLM, token: str, alias: str, context: Context) -> None:
    """Delete a key, and see that it is."""
    for row in _call(api.by_token, token):
        _writable(row, alias, context)
        _call(api.delete, token)
    if _call(api.lives, token):
        raise StepError("the proxy says that the key is deleted or not there, and still knows it")


def _ours(rows: list[KeyRow], alias: str, context: Context) -> KeyRow:
    if len(rows) != 1:
        raise StepError(f"{len(rows)} keys have the alias {alias!r} now; plan again")
    _writable(rows[0], alias, context)
    return rows[0]


def _writable(row: KeyRow, alias: str, context: Context) -> None:
    """Raises StepError when the key became another fleet's, or a newer apply's, since the plan was made."""
    mark = mark_of(row.metadata)
    if mark is not None and mark.lineage != context.lineage:
        raise StepError(f"the key {alias!r} carries another fleet's mark now; plan again")
    if mark is not None and mark.serial > context.serial:
        raise StepError(f"the key {alias!r} was written by a newer apply meanwhile; git pull, then plan again")


def _read_back(api: LiteLLM, do: KeyPut, token: str, context: Context) -> KeyRow:
    rows: list[KeyRow] = _call(api.find, do.alias)
    if len(rows) != 1:
        raise StepError(f"{len(rows)} keys have the alias {do.alias!r} after the write")
    row = rows[0]
    wrong = differing(row, do.limits, do.create)
    if row.token != token:
        wrong.append("its value")
    if do.models is not None and set(row.models) != set(do.models):
        wrong.append("models")
    if do.unblock and row.blocked:
        wrong.append("blocked")
    wrong += [name for name in do.lift if name in power(row)]
    mark = mark_of(row.metadata)
    if mark is None or (mark.lineage, mark.serial) != (context.lineage, context.serial):
        wrong.append("the mark")
    if wrong:
        raise StepError(f"the proxy accepted the write and did not take over {', '.join(wrong)}")
    return row


def _call(function: Any, *args: Any) -> Any:
    try:
        return function(*args)
    except LiteLLMError as error:
        raise StepError(str(error)) from None


HANDLERS: dict[type, Handler] = {
    KeyPut: put,
    KeyWiden: widen,
    KeyDelete: delete,
    KeyRelease: release,
    KeyRevoke: revoke,
    ProveKey: prove,
}
