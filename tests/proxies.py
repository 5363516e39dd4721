"""What tests do to a LiteLLM by hand, the same for stand-ins and real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import httpx

from tests.support import MASTER


class Endpoint(Protocol):
    """A proxy, as far as a test knows it."""

    @property
    def url(self) -> str: ...


@dataclass(frozen=True)
class Times:
    """Durations as the spec writes them."""

    ttl: str
    settle: str


CALLED = ("spend", "last_active", "updated_at")


class Admin:
    """What an operator does by hand, with the master key."""

    def __init__(self, url: str) -> None:
        self.url = url
        # no certificates are read, which takes longer than most requests: these endpoints have none
        self.http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {MASTER}"}, timeout=60, verify=False, trust_env=False
        )

    def rows(self, alias: str | None = None) -> list[dict[str, object]]:
        params = {"size": 100, "return_full_object": "true", **({"key_alias": alias} if alias else {})}
        rows: list[dict[str, object]] = self.http.get("/key/list", params=params).json()["keys"]
        return [r for r in rows if alias is None or r["key_alias"] == alias]

    def made(self) -> list[dict[str, object]]:
        """The rows as somebody made them: without what calls leave in them, which a proxy writes seconds later."""
        return [{name: value for name, value in row.items() if name not in CALLED} for row in self.rows()]

    def row(self, alias: str) -> dict[str, object]:
        (row,) = self.rows(alias)
        return row

    def update(self, alias: str, **fields: object) -> None:
        self.http.post("/key/update", json={"key": self.row(alias)["token"], **fields}).raise_for_status()

    def generate(self, **fields: object) -> str:
        answer = self.http.post("/key/generate", json=fields)
        answer.raise_for_status()
        key: str = answer.json()["key"]
        return key

    def delete(self, *aliases: str) -> None:
        tokens = [r["token"] for a in aliases for r in self.rows(a)]
        if tokens:
            self.http.post("/key/delete", json={"keys": tokens}).raise_for_status()

    def wipe(self) -> None:
        while rows := self.rows():
            self.http.post("/key/delete", json={"keys": [r["token"] for r in rows]}).raise_for_status()
        for model in self.http.get("/model/info").json()["data"]:
            if model["model_info"].get("db_model"):
                self.http.post("/model/delete", json={"id": model["model_info"]["id"]})


def chat(url: str, key: str, model: str) -> tuple[int, str]:
    """Status and error type of one call."""
    answer = httpx.post(
        url + "/v1/chat/completions",
        headers={"Authorization": f"Bearer {key}"},
        json={"model": model, "messages": [{"role": "user", "content": "ping"}]},
        timeout=60,
        verify=False,
        trust_env=False,
    )
    return answer.status_code, "" if answer.status_code == 200 else answer.json()["error"]["type"]
