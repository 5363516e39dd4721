"""The values of a spec: sizes, durations, URLs, names, references. Text in, value out, or a message.

No message ever holds the text that it judges: it may be a secret in the wrong place.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from fractions import Fraction
from typing import Any, LiteralString
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

from fleethub.model.dataclass import dataclass
from fleethub.model.secret import SecretRef

FLEET_ID = "[a-z0-9]{16,40}"
NAME = r"[a-z0-9][a-z0-9-]*"
HOST = r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])"
#: It may have an @ itself, as bastions and directories want it; the last one is what parts it from the host.
USER = r"[A-Za-z_][A-Za-z0-9._+-]*(?:@[A-Za-z0-9._+-]+)*"
ENV_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
STATE_URL = r"(?:s3|gs|az)://[a-z0-9][a-z0-9._-]{1,253}(?:/[A-Za-z0-9][A-Za-z0-9._-]*)+/?"
SECRET = re.compile(r"(?<![A-Za-z0-9])(?:sk-[A-Za-z0-9_-]{13,}|fhseed1_[A-Za-z0-9_-]+|fhsk_[A-Za-z0-9_-]{13,})")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

SIZE_UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
SIZE_UNITS |= {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
TIME_UNITS = {"ms": Fraction(1, 1000), "s": 1, "m": 60, "h": 3600, "d": 86400}
PARAM_UNITS = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}

LONGEST_EXPRESSION = 2000
REFERENCE_HELP = 'write "env:NAME", "file:PATH" or "command:ARGV", or a list of them: the first that resolves'


@dataclass(frozen=True, slots=True)
class Plain:
    """The text of ``{ value = "…" }``: an environment variable that is no secret."""

    value: str


def bad(code: LiteralString, message: str, hint: str = "") -> PydanticCustomError:
    """A validation error that carries a finding's code, message (after the key's name) and hint."""
    return PydanticCustomError(code, "{message}", {"message": message, "hint": hint})


def _quantity(value: object, units: dict[str, Any], what: str, example: str) -> Fraction:
    names = ", ".join(units)
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise bad("spec.value", f"is a {what} and needs its unit", f"write it like {example}; units: {names}")
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?) ?([A-Za-z]+)", value) if isinstance(value, str) else None
    if match is None or match[2] not in units or not match[1].isascii():
        raise bad("spec.value", f"must be a {what} like {example}", f"units: {names}")
    amount: Fraction = Fraction(match[1]) * units[match[2]]
    return amount


def size(value: object) -> int:
    """``48 GiB`` in bytes."""
    return int(_quantity(value, SIZE_UNITS, "size", '"48 GiB"'))


def positive_size(value: object) -> int:
    """A size above zero, in bytes."""
    return size(value) or _zero()


def params(value: object) -> int:
    """``0.6B`` as a number of parameters."""
    return int(_quantity(value, PARAM_UNITS, "number of parameters", '"32B"')) or _zero()


def duration(value: object) -> float:
    """``5m`` in seconds."""
    return float(_quantity(value, TIME_UNITS, "duration", '"60s"'))


def positive_duration(value: object) -> float:
    """A duration above zero, in seconds."""
    return duration(value) or _zero()


def share(value: object) -> float:
    """A part of a whole: a number above 0, at most 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise bad("spec.value", "must be a number above 0 and at most 1", "write it like 0.9")
    return float(value)


def _zero() -> int:
    raise bad("spec.value", "must be more than zero")


def url(value: object) -> str:
    """An http or https URL with a host and no credentials; a trailing slash is cut."""
    help_ = 'write it like "http://llm.example.ts.net:4000"'
    if not isinstance(value, str) or CONTROL.search(value) or " " in value:
        raise bad("spec.value", "must be an http:// or https:// URL", help_)
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise bad("spec.value", "is not a URL", help_) from None
    if "@" in parts.netloc:
        raise bad(
            "spec.literal-secret",
            "has credentials inside the URL",
            "take them out: FleetHub sends keys in headers, and only by reference",
        )
    if parts.scheme not in ("http", "https") or not host or port == 0 or not re.fullmatch(r"[\w.:-]+", host):
        raise bad("spec.value", "must be an http:// or https:// URL with a host", help_)
    if parts.query or parts.fragment or "?" in value or "#" in value:
        raise bad("spec.value", "must be a URL without ? and #", help_)
    return value.rstrip("/")


def origin(value: object) -> str:
    """What a browser says where a page is from: scheme, host and port, in small letters, without a port that goes
    without saying.
    """
    text = url(value)
    parts = urlsplit(text.lower())
    if parts.path:
        raise bad("spec.value", "is the origin of a page, which has no path", 'write it like "http://127.0.0.1:18790"')
    usual = {"http": 80, "https": 443}[parts.scheme]
    return text.lower().removesuffix(f":{usual}") if parts.port == usual else text.lower()


def reference(value: object) -> SecretRef:
    """A reference or a list of them. Whatever else stands here may be the secret itself."""
    items = value if isinstance(value, list) else [value]
    if not items:
        raise bad("spec.value", "is an empty list of references", REFERENCE_HELP)
    return SecretRef(tuple(_one_reference(item) for item in items))


def _one_reference(item: object) -> str:
    kind, colon, rest = item.partition(":") if isinstance(item, str) else ("", "", "")
    if not isinstance(item, str) or not colon or kind not in ("env", "file", "command"):
        raise bad("spec.literal-secret", "must be a reference, never the secret itself", REFERENCE_HELP)
    if SECRET.search(rest):
        raise bad("spec.literal-secret", f"has what looks like a secret itself after {kind}:", REFERENCE_HELP)
    if not rest.strip() or CONTROL.search(rest):
        raise bad("spec.value", f"has nothing usable after {kind}:", REFERENCE_HELP)
    if kind == "env" and not re.fullmatch(ENV_NAME, rest):
        raise bad("spec.value", "has no variable's name after env:", "allowed: letters, digits and _")
    if kind == "command":
        try:
            shlex.split(rest)
        except ValueError:
            raise bad("spec.value", "has a command: that shlex cannot split", "check its quotes") from None
    return item


def state_store(value: object) -> SecretRef | str:
    """Where the state is kept: an object store's URL, which is no secret, or a reference to a URL that is one."""
    if isinstance(value, str) and re.match(r"[a-z0-9]+://", value) and not value.startswith("env:"):
        match = re.fullmatch(STATE_URL, value)
        if match is None:
            raise bad(
                "spec.literal-secret" if value.startswith("postgres") else "spec.value",
                "must be s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX, or a reference to a URL",
                'a database\'s URL holds a password: write store = "env:FLEETHUB_DATABASE_URL"',
            )
        return value.rstrip("/")
    return reference(value)


def certificates(value: object) -> str:
    """``file:PATH`` of a PEM file: the path, as it is written. A certificate is no secret, but lies in a file."""
    kind, colon, path = value.partition(":") if isinstance(value, str) else ("", "", "")
    if not colon or kind != "file" or not path.strip() or CONTROL.search(path):
        raise bad("spec.value", "must be a file of certificates (PEM)", 'write it like "file:certs/ca.pem"')
    return path


def env_value(value: object) -> SecretRef | Plain:
    """A reference, a list of them, or ``{ value = "…" }`` for what is no secret."""
    if isinstance(value, dict):
        text = value.get("value")
        if set(value) != {"value"} or not isinstance(text, str):
            raise bad("spec.value", 'must be a reference or { value = "…" }', REFERENCE_HELP)
        if re.search(r"[\x00\n\r]", text):
            raise bad("spec.value", "must be one line: a .env file holds no line breaks")
        return Plain(text)
    try:
        return reference(value)
    except PydanticCustomError as error:
        if error.type != "spec.literal-secret":
            raise
        raise bad(
            "spec.literal-secret",
            "must be a reference (env:, file:, command:)",
            'if it is no secret, write { value = "…" }',
        ) from None


def one_line(value: str) -> str:
    """Text without line breaks, control characters or marks that turn it round; not empty."""
    if not value.strip() or not value.isprintable():
        raise bad("spec.value", "must be text: not empty, on one line, of visible characters and spaces")
    return value


def expression(value: str) -> str:
    """Lines of visible characters, at most 2,000 characters; not empty."""
    if len(value) > LONGEST_EXPRESSION:
        raise bad("spec.value", f"must be at most {LONGEST_EXPRESSION:,} characters", "split it into several checks")
    if not value.strip() or not value.replace("\n", "").replace("\t", "").isprintable():
        raise bad("spec.value", "must be text: not empty, of visible characters, spaces and line breaks")
    return value


def label(value: str) -> str:
    """One line of at most 128 characters."""
    if len(value) > 128:
        raise bad("spec.value", "must be at most 128 characters")
    return one_line(value)


def name(value: str) -> str:
    """A name of FleetHub's own: lower-case letters, digits, dashes."""
    if not re.fullmatch(NAME, value) or len(value) > 63:
        better = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")[:63]
        hint = f"for example {better}" if better and not SECRET.search(value) else ""
        raise bad("spec.name", "must be lower-case letters, digits and dashes, at most 63", hint)
    return value


def matching(pattern: str, message: str, hint: str = "") -> Callable[[str], str]:
    """A check that text has a form."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value) or len(value) > 255:
            raise bad("spec.value", message, hint)
        return value

    return check


def specifiers(value: str) -> str:
    """PEP 440 version specifiers."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        SpecifierSet(value)
    except InvalidSpecifier:
        raise bad("spec.value", "must be version specifiers (PEP 440)", 'write it like ">=0.1,<0.2"') from None
    return value
