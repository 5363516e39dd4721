"""A client as a node's agent is one: it calls, without pause, the model that the node's config names at that moment.

It is how a denied call would be noticed. Works against stand-ins and real proxies alike.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values


class Consumer:
    """Calls every endpoint in turn with the node's own key and first model; use as a context manager.

    ``denied`` holds (model, status, type) of each call that was refused; ``models`` counts the good ones.
    """

    def __init__(self, folder: Path, endpoints: tuple[str, ...]) -> None:
        self._folder, self._endpoints = folder, endpoints
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.models: Counter[str] = Counter()
        self.denied: list[tuple[str, int, str]] = []
        self.broken: list[str] = []

    @property
    def calls(self) -> int:
        """How many calls were answered, well or not."""
        return sum(self.models.values()) + len(self.denied)

    def __enter__(self) -> Consumer:
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._stop.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        turn = 0
        while not self._stop.is_set():
            endpoint = self._endpoints[turn % len(self._endpoints)]
            turn += 1
            try:
                self._call(endpoint, *self._wiring())
            except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
                self.broken.append(f"{type(error).__name__}: {error}")
                self._stop.wait(0.05)

    def _wiring(self) -> tuple[str, str]:
        """Model and key as the node would use them now."""
        config = json.loads((self._folder / "openclaw.json").read_text())
        provider, _, model = config["agents"]["defaults"]["model"]["primary"].partition("/")
        variable = config["models"]["providers"][provider]["apiKey"].removeprefix("${").removesuffix("}")
        key = dotenv_values(self._folder / ".env", interpolate=False)[variable]
        if key is None:
            raise KeyError(variable)
        return model, key

    def _call(self, endpoint: str, model: str, key: str) -> None:
        connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=30)
        try:
            body = json.dumps({"model": model, "messages": [{"role": "user", "content": "ping"}]})
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            connection.request("POST", "/v1/chat/completions", body, headers)
            answer = connection.getresponse()
            payload = answer.read()
        finally:
            connection.close()
        if answer.status == 200:
            self.models[model] += 1
            return
        try:
            kind = json.loads(payload)["error"]["type"]
        except (ValueError, KeyError, TypeError):
            kind = ""
        self.denied.append((model, answer.status, str(kind)))
