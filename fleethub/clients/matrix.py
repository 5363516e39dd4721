"""llama-swap's expressions of who may run together: ``(g | q) & v``, ``+other``; what they expand to. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

#: Sets that one file may expand to; beyond it an expression is a mistake.
MOST = 4096
TOKEN = re.compile(r"\s*(?:([&|()])|(\+?[\w.-]+))")
Sets = frozenset[frozenset[str]]


class MatrixError(ValueError):
    """An expression that llama-swap would refuse, too; the message names it."""


def expanded(sets: Mapping[str, str], names: Mapping[str, str], models: frozenset[str]) -> tuple[frozenset[str], ...]:
    """Every combination of models that may run together; subsets of one may as well. Raises MatrixError.

    ``names``: short names of models, ``models``: those that there are.
    """
    known: dict[str, Sets] = {}

    def of(name: str, within: tuple[str, ...]) -> Sets:
        if name in within:
            raise MatrixError(f"the set {name} is made of itself")
        if name not in sets:
            raise MatrixError(f"there is no set {name}")
        if name not in known:
            known[name] = _Parser(name, sets[name], names, models, lambda other: of(other, (*within, name))).all()
        return known[name]

    found: dict[frozenset[str], None] = {}
    for name in sets:
        try:
            found.update(dict.fromkeys(of(name, ())))
        except RecursionError:
            raise MatrixError(f"the set {name} is nested too deep") from None
    return tuple(found)


class _Parser:
    """One expression: or of ands of names, references and parentheses."""

    def __init__(
        self, name: str, text: str, names: Mapping[str, str], models: frozenset[str], other: Callable[[str], Sets]
    ) -> None:
        self._name, self._names, self._models, self._other = name, names, models, other
        self._tokens, self._at = list(_tokens(name, text)), 0

    def all(self) -> Sets:
        found = self._or()
        if self._peek():
            raise MatrixError(f"the set {self._name} has {self._peek()} where its expression should end")
        return found

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1] if self._at <= len(self._tokens) else ""

    def _or(self) -> Sets:
        found = self._and()
        while self._peek() == "|":
            self._next()
            found |= self._and()
        return found

    def _and(self) -> Sets:
        found = self._atom()
        while self._peek() == "&":
            self._next()
            right = self._atom()
            if len(found) * len(right) > MOST:
                raise MatrixError(f"the set {self._name} expands to more than {MOST} combinations")
            found = frozenset(a | b for a in found for b in right)
        return found

    def _atom(self) -> Sets:
        word = self._next()
        if word == "(":
            found = self._or()
            if self._next() != ")":
                raise MatrixError(f"the set {self._name} lacks a closing parenthesis")
            return found
        if word.startswith("+"):
            return self._other(word[1:])
        model = self._names.get(word, word)
        if not word or word in "&|)" or model not in self._models:
            raise MatrixError(f"the set {self._name} names {word or 'nothing'}, which is no model")
        return frozenset({frozenset({model})})


def _tokens(name: str, text: str) -> Iterator[str]:
    at, text = 0, text.strip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise MatrixError(f"the set {name} has {text[at]!r}, which is no part of an expression")
        yield match[1] or match[2]
        at = match.end()
