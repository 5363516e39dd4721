"""What LiteLLM says of use, which few commands ask for."""

from __future__ import annotations

from fleethub.clients.litellm_rows import Lenient


class _Metrics(Lenient):
    spend: float = 0.0
    api_requests: int = 0


class _Used(Lenient):
    metrics: _Metrics = _Metrics()


class _Breakdown(Lenient):
    api_keys: dict[str, _Used]


class _Day(Lenient):
    breakdown: _Breakdown


class _Pages(Lenient):
    total_pages: int = 1


class Activity(Lenient):
    """``/user/daily/activity``: what was used on each day, by the key's hash."""

    results: list[_Day]
    metadata: _Pages = _Pages()
