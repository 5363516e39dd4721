"""Checks of one model provider of a config: each finding is a message and a hint."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from fleethub.nodetypes.openclaw import json5
from fleethub.nodetypes.openclaw.wiring import TIMEOUT_MIN

#: OpenClaw's word for "no key needed", which it honours only for a host that it takes for a local one.
_MARKER = "ollama-local"
_DOCKER = ("host.docker.internal", "docker.orb.internal", "host.orb.internal")
_PRIVATE = tuple(ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10"))

Problem = tuple[str, str]


def check_provider(name: str, settings: Any) -> Iterator[Problem]:
    """All findings of a provider's settings."""
    place = f"models.providers.{name}"
    yield from _door(place, settings)
    timeout = number(json5.at(settings, "timeoutSeconds"))
    if timeout is not None and timeout < TIMEOUT_MIN:
        message = f"{place}.timeoutSeconds is {timeout:g}: a model that hangs ends the run, no fallback is asked"
        yield message, f"set it to {TIMEOUT_MIN} or more"
    models = json5.at(settings, "models")
    if not isinstance(models, list) or not models:
        yield f"{place} defines no models", ""
        return
    ids = [str(json5.at(model, "id")) for model in models]
    for twice in sorted({i for i in ids if ids.count(i) > 1}):
        yield f"{place} defines {twice!r} twice", ""
    for model in models:
        context, answer = number(json5.at(model, "contextWindow")), number(json5.at(model, "maxTokens"))
        if context is not None and answer is not None and answer > context:
            who = f"{place}: maxTokens {answer:g} of {json5.at(model, 'id')!r}"
            yield f"{who} exceeds its context of {context:g}", ""


def _door(place: str, settings: Any) -> Iterator[Problem]:
    url, key = json5.at(settings, "baseUrl"), json5.at(settings, "apiKey")
    host = _host(url)
    if not host:
        yield f"{place}.baseUrl is {url!r}, not a URL", "write http://host:port"
    if not key or (isinstance(key, str) and not key.strip()):
        yield f"{place}.apiKey is empty", ""
    if json5.at(settings, "api") != "ollama" or not host:
        return
    if urlsplit(url).path.rstrip("/").endswith("/v1"):
        yield f"{place}.baseUrl ends in /v1, where Ollama breaks tool calls", "leave /v1 away"
    if key == _MARKER and not _local(host):
        message = f"{place}.apiKey is {_MARKER!r}: OpenClaw accepts that for local hosts, not for {host}"
        yield message, "any other text will do, as 'ollama'"


def _host(url: Any) -> str:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        valid = parts is not None and parts.scheme in ("http", "https") and (parts.port or 1) > 0
        return parts.hostname or "" if parts is not None and valid else ""
    except ValueError:
        return ""


def _local(host: str) -> bool:
    """As OpenClaw 2026.9.6 decides it: private addresses, bare names, ``.local``, Docker's names."""
    try:
        ip = ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost")) or host in _DOCKER
    return ip.is_loopback or ip.is_unspecified or any(ip in network for network in _PRIVATE)


def number(value: Any) -> float | None:
    """The value when it is a positive number."""
    good = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    return float(value) if good else None
