"""What a model server answers, as typed values; whatever is wrong with it is one error, fit to be shown."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from fleethub.clients.http import Http
from fleethub.clients.http_answer import HttpAnswer, HttpError
from fleethub.clients.servers import ServerError
from fleethub.model.text import flat


class Lenient(BaseModel):
    """A part of an answer: what it does not name is passed over, and no message of its shows a value."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, protected_namespaces=(), defer_build=True)


T = TypeVar("T", bound=Lenient)


class Api:
    """One server's HTTP API; every failure is raised as ``error``."""

    def __init__(self, http: Http, url: str, error: type[ServerError]) -> None:
        self._http, self._url, self._error = http, url, error

    def ask(self, method: str, path: str, body: Any = None) -> HttpAnswer:
        """Its answer, of whatever status. Asked once more when the connection breaks: nothing here changes anything."""
        try:
            return self._http.request(method, self._url + path, json=body, again=True)
        except HttpError as error:
            raise self._error(str(error)) from None

    def get(self, kind: type[T], path: str) -> T:
        """What a GET answers with 200."""
        answer = self.ask("GET", path)
        if answer.status != 200:
            raise self._error(f"{path}: {answer.reason()}")
        return self.read(kind, path, answer.body)

    def read(self, kind: type[T], path: str, body: Any) -> T:
        """A body as what it should be."""
        return valid(kind, body, f"unexpected answer of {path}", self._error)


def valid(kind: type[T], value: Any, what: str, error: type[ServerError]) -> T:
    """A value of others as ``kind``; raises ``error`` with ``what`` and the place in it."""
    try:
        return kind.model_validate(value)
    except RecursionError:
        raise error(f"{what}: nested without end") from None
    except ValidationError as found:
        first = found.errors(include_input=False, include_url=False)[0]
        where = flat(".".join(str(part) for part in first["loc"])) or "the whole"
        raise error(f"{what}: {where}: {first['msg']}") from None
