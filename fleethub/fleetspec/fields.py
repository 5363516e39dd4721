"""The types of the spec's fields: each a parser of ``values`` with what a JSON Schema says of it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from fleethub.fleetspec.values import (
    ENV_NAME,
    FLEET_ID,
    HOST,
    NAME,
    PARAM_UNITS,
    SIZE_UNITS,
    STATE_URL,
    TIME_UNITS,
    USER,
    Plain,
    certificates,
    duration,
    env_value,
    expression,
    label,
    matching,
    name,
    one_line,
    origin,
    params,
    positive_duration,
    positive_size,
    reference,
    share,
    size,
    specifiers,
    state_store,
    url,
)
from fleethub.model.secret import SecretRef


def _text(pattern: str, *examples: str) -> WithJsonSchema:
    shown = {"examples": list(examples)} if examples else {}
    return WithJsonSchema({"type": "string", "pattern": pattern, **shown})


def _units(units: dict[str, Any]) -> str:
    return rf"^\d+(\.\d+)? ?({'|'.join(units)})$"


_REFERENCE = {"type": "string", "pattern": "^(env|file|command):.+$"}
_REFERENCES: dict[str, Any] = {
    "anyOf": [_REFERENCE, {"type": "array", "items": _REFERENCE, "minItems": 1}],
    "examples": ["env:LITELLM_MASTER_KEY"],
}
_PLAIN = {
    "type": "object",
    "properties": {"value": {"type": "string"}},
    "required": ["value"],
    "additionalProperties": False,
}

Size = Annotated[int, PlainValidator(size), _text(_units(SIZE_UNITS), "1 GiB")]
PositiveSize = Annotated[int, PlainValidator(positive_size), _text(_units(SIZE_UNITS), "48 GiB")]
Params = Annotated[int, PlainValidator(params), _text(_units(PARAM_UNITS), "32B", "0.6B")]
Duration = Annotated[float, PlainValidator(duration), _text(_units(TIME_UNITS), "60s", "5m")]
PositiveDuration = Annotated[float, PlainValidator(positive_duration), _text(_units(TIME_UNITS), "60s")]
Url = Annotated[str, PlainValidator(url), _text("^https?://[^@?#]+$", "http://llm.example.ts.net:4000")]
Origin = Annotated[str, PlainValidator(origin), _text("^https?://[^@?#/]+$", "http://127.0.0.1:18790")]
Reference = Annotated[SecretRef, PlainValidator(reference), WithJsonSchema(_REFERENCES)]
StateStore = Annotated[
    SecretRef | str,
    PlainValidator(state_store),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "pattern": f"^{STATE_URL}$"}, *_REFERENCES["anyOf"]],
            "examples": ["env:FLEETHUB_DATABASE_URL", "s3://bucket/fleet"],
        }
    ),
]
Certificates = Annotated[str, PlainValidator(certificates), _text("^file:.+$", "file:certs/ca.pem")]
EnvValue = Annotated[
    SecretRef | Plain,
    PlainValidator(env_value),
    WithJsonSchema({"anyOf": [*_REFERENCES["anyOf"], _PLAIN]}),
]
Line = Annotated[str, AfterValidator(one_line), WithJsonSchema({"type": "string", "minLength": 1})]
Expression = Annotated[
    str, AfterValidator(expression), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 2000})
]
EntryPoint = Annotated[
    str,
    AfterValidator(
        matching(
            r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}:[A-Za-z0-9][A-Za-z0-9._-]{0,100}",
            'must be "PACKAGE:NAME"',
            "an installed package, and a name that it has in its entry points of fleethub.checks",
        )
    ),
    _text("^[A-Za-z0-9][A-Za-z0-9._-]*:[A-Za-z0-9][A-Za-z0-9._-]*$", "acme-checks:budgets"),
]
Stdin = Annotated[
    str,
    AfterValidator(
        matching(
            r"key|env|json|json-string|op-item|[A-Za-z0-9_][A-Za-z0-9._-]*\.j2",
            'must be key, env, json, json-string, op-item, or a template in templates/sink like "mine.j2"',
        )
    ),
]
Label = Annotated[str, AfterValidator(label), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 128})]
FleetId = Annotated[
    str,
    AfterValidator(matching(FLEET_ID, "must be 16 to 40 lower-case letters and digits", "fleethub init makes one")),
    _text(f"^{FLEET_ID}$"),
]
Digest = Annotated[
    str,
    AfterValidator(matching("[0-9a-f]{12,64}", "must be 12 to 64 hexadecimal digits", "as its server lists it")),
    _text("^[0-9a-f]{12,64}$", "030ee887880f"),
]
Name = Annotated[str, AfterValidator(name), _text(f"^{NAME}$")]
Limit = Annotated[int, Field(ge=1, le=2**53)]
EnvName = Annotated[
    str,
    AfterValidator(matching(ENV_NAME, "is no name of a variable", "allowed: letters, digits and _")),
    _text(f"^{ENV_NAME}$"),
]
Share = Annotated[float, PlainValidator(share), WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 1})]
Host = Annotated[
    str,
    AfterValidator(matching(HOST, "must be a host's name or address", 'write it like "volta.example.ts.net"')),
    _text(f"^{HOST}$", "volta.example.ts.net"),
]
SshHost = Annotated[
    str,
    AfterValidator(matching(rf"(?:{USER}@)?{HOST}(?::\d{{1,5}})?", 'must be "user@host", "user@host:port" or "local"')),
    _text(rf"^({USER}@)?{HOST}(:\d{{1,5}})?$", "ops@monad-1.example.ts.net", "local"),
]
Period = Annotated[
    str,
    AfterValidator(matching(r"[1-9]\d{0,5}(s|m|h|d|w|mo)", 'must be a period like "30d"', "units: s, m, h, d, w, mo")),
    _text(r"^[1-9]\d*(s|m|h|d|w|mo)$", "30d"),
]
Lifetime = Annotated[
    str,
    AfterValidator(matching(r"[1-9]\d{0,5}(s|m|h|d|w)", 'must be a time like "90d"', "units: s, m, h, d, w")),
    _text(r"^[1-9]\d*(s|m|h|d|w)$", "90d"),
]
Project = Annotated[
    str,
    AfterValidator(matching(r"[a-z0-9][a-z0-9_-]*", "must be lower-case letters, digits, - and _")),
    _text("^[a-z0-9][a-z0-9_-]*$"),
]
Specifiers = Annotated[str, AfterValidator(specifiers), WithJsonSchema({"type": "string", "examples": [">=0.1,<0.2"]})]
