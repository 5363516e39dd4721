"""The number of an apply, as commands take it."""

from __future__ import annotations

import click

#: 0: before the first. As many digits as lockfiles have.
SERIAL = click.IntRange(0, 10**8 - 1)
