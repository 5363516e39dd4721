"""A document into tables: pydantic's errors as findings, and the rest of the spec still checked.

A value that is wrong is reported and left out, and the tables are read again without it, so that one typing error does
not hide what the cross-checks would find.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from fleethub.fleetspec import report
from fleethub.fleetspec.schema import Spec, reading_model, spec_model
from fleethub.fleetspec.sources import Sources
from fleethub.fleetspec.values import SECRET
from fleethub.model.dataclass import dataclass
from fleethub.model.finding import Finding
from fleethub.model.text import bare as without_credentials
from fleethub.model.written import KeyPath

ROUNDS = 5
LISTS = ("accept", "check", "moved")  # blocks without a name
OWN = ("spec.value", "spec.name", "spec.literal-secret")
WRONG_TYPE = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "int_parsing_size": "is too large",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "date_type": "must be a date without quotes, like 2027-03-31",
    "list_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "too_short": "must not be empty",  # each that has a least length has 1
}
LIMITS = {
    "ge": "must be {} or more",
    "gt": "must be more than {}",
    "le": "must be {} or less",
    "lt": "must be less than {}",
}


@dataclass(frozen=True, slots=True)
class Validated:
    """The tables without what is wrong, None when too little is left to judge; what was wrong; what was taken out.

    ``tables``: the tables that a value was taken out of, and the groups that a table was: they cannot be judged whole.
    """

    spec: Spec | None
    findings: tuple[Finding, ...]
    tables: frozenset[KeyPath]

    def incomplete(self, *path: str) -> bool:
        """Return whether the table, or the whole group it stands in, lost something."""
        return path in self.tables or path[:1] in self.tables


#: What a key may have on a LiteLLM with a licence alone.
PAID = (
    *("model_max_budget", "guardrails", "policies", "prompts", "logging", "auto_rotate", "rotation_interval"),
    *("allowed_passthrough_routes", "enforced_params"),
)


def validate(sources: Sources) -> Validated:
    """Read the document as tables, again without what is wrong until nothing is; the document itself stays."""
    findings: list[Finding] = []
    doc, gone, tables = sources.doc, set[KeyPath](), set[KeyPath]()

    def take_out(path: KeyPath, whole: bool = False) -> None:
        nonlocal doc
        value, table = _blamed(path, whole)
        gone.add(value)
        tables.add(table)
        doc = _without(doc, value)

    for path, what in _secrets(doc, ()):
        findings.append(_literal_secret(path, what, sources))
        take_out(path)
    for _ in range(ROUNDS):
        try:
            return Validated(reading_model(doc).model_validate(doc), tuple(findings), frozenset(tables))
        except ValidationError as errors:
            for error in errors.errors(include_url=False, include_input=False):
                path = real(error["loc"], sources)
                if error["type"] != "missing" or path not in gone:
                    findings.append(finding_of(error, path, sources))
                take_out(path, whole=error["type"] == "missing")
    return Validated(None, tuple(findings), frozenset(tables))


def _literal_secret(path: KeyPath, what: str, sources: Sources) -> Finding:
    return report.finding(
        "spec.literal-secret",
        f"{report.dotted(path)} {what}",
        sources.at(path) or sources.key(path),
        "take it out, make a new one, and write a reference (env:, file:, command:); "
        "what was in a file once may be in git's history",
    )


def literal_secrets(sources: Sources) -> list[Finding]:
    """Whatever in a document looks like a secret."""
    return [_literal_secret(path, what, sources) for path, what in _secrets(sources.doc, ())]


def _secrets(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str) and (what := _secret(value)):
        yield path, what
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        if isinstance(key, str) and (what := _secret(key)):
            yield (*path, key), what
        else:
            yield from _secrets(child, (*path, key))


def _secret(text: str) -> str:
    """What is wrong with a text; empty when nothing of it is secret."""
    if SECRET.search(text):
        return "holds a secret"
    return "has credentials inside a URL" if without_credentials(text) != text else ""


def real(loc: KeyPath, sources: Sources) -> KeyPath:
    """An error's location without pydantic's own marks."""
    if loc and loc[-1] == "[key]" and loc not in sources.places:
        return loc[:-1]
    return loc


def _blamed(path: KeyPath, whole: bool) -> tuple[KeyPath, KeyPath]:
    """Return what an error takes out, and which table or group that leaves incomplete.

    A table's field is taken out, or (``whole``: a field is missing) the table itself.
    """
    group = path[0]
    single = group in ("fleet", "policy", "include", *LISTS)
    value = path[: 1 if group in ("include", *LISTS) else 2 if single or (whole and len(path) == 3) else 3]
    return value, path[: 1 if single else 2]


def _without(doc: dict[str, Any], path: KeyPath) -> dict[str, Any]:
    """Return a copy without the value at a path; a fleet keeps a name."""
    copy = parent = dict(doc)
    for part in path[:-1]:
        below = parent.get(str(part))
        if not isinstance(below, dict):
            break
        parent[str(part)] = parent = dict(below)
    else:
        parent.pop(str(path[-1]), None)
    if path[0] == "fleet":
        copy["fleet"] = {"name": "unnamed", **copy.get("fleet", {})}
    return copy


def finding_of(error: ErrorDetails, path: KeyPath, sources: Sources, root: type[BaseModel] | None = None) -> Finding:
    """One of pydantic's errors about a document; ``root`` is its model, None the spec's."""
    kind, context = error["type"], error.get("ctx", {})
    what, last = report.dotted(path), str(path[-1])
    known = schema_of(path, root)
    hint = (known.description or "") if isinstance(known, FieldInfo) else ""
    code, place = "spec.value", sources.at(path)
    if kind == "extra_forbidden":
        model = table_of(schema_of(path[:-1], root)) if path[:-1] else root or spec_model()
        top = "at the top of the spec" if root is None else f"in {sources.main}"
        where = f"in {report.dotted(path[:-1])}" if path[:-1] else top
        message = f"{report.shown(last)} is no key {where}"
        hint = report.nearest(last, fields_of(model) if model else ())
        if path[:1] == ("keys",) and last in PAID:
            hint = "only LiteLLM Enterprise does that, so FleetHub does not try; leave it out"
        code, place = "spec.unknown-key", sources.key(path)
    elif kind == "missing":
        code, message, place = "spec.missing", f"{what} is missing", sources.at(path[:-1])
    elif kind in OWN:
        code, message, hint = kind, f"{what} {context['message']}", context["hint"] or hint
        if error["loc"] != path:  # it is the key that is wrong
            place = sources.key(path)
    else:
        problem = WRONG_TYPE.get(kind, "is not allowed here")
        if kind == "literal_error":
            problem = f"must be {context['expected']}"
        if kind == "string_pattern_mismatch":
            problem = f"must match {context['pattern']}"
        problem = next((text.format(context[limit]) for limit, text in LIMITS.items() if limit in context), problem)
        message = f"{what} {problem}"
    return report.finding(code, message, place, hint, report.address_of(path))


def schema_of(path: KeyPath, root: type[BaseModel] | None = None) -> Any:
    """The field, or the type, that the schema has at a key path; None where it has none."""
    here: Any = root or spec_model()
    for part in path:
        model = table_of(here)
        if model is not None:
            here = fields_of(model).get(str(part))
        else:
            arguments = get_args(bare(here))
            here = arguments[-1] if arguments else None
    return here


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a table by the keys that a spec has for them, which are not all names that Python takes."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def table_of(thing: Any) -> type[BaseModel] | None:
    """The table's class behind a field or a type, if it is a table."""
    kind = bare(thing)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def bare(thing: Any) -> Any:
    """A type without Annotated, ``| None`` and the field around it."""
    if isinstance(thing, FieldInfo):
        return bare(thing.annotation)
    if hasattr(thing, "__metadata__"):
        return bare(thing.__origin__)
    if get_origin(thing) in (Union, UnionType):
        inner = [a for a in get_args(thing) if a is not type(None)]
        return bare(inner[0]) if len(inner) == 1 else None
    return thing
