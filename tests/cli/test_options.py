"""An option takes type, bounds and words from the field that it is made from; what is given wins."""

from __future__ import annotations

import click
import pytest

from fleethub.cli.options import option
from fleethub.operations.inputs import CapacityInput, RegisterInput


def made(*args: str, **more: object) -> click.Option:
    of = CapacityInput if args[0] in CapacityInput.model_fields and args[0] != "model" else RegisterInput
    command = click.command()(option(of, *args, **more)(lambda **_: None))
    (found,) = command.params
    assert isinstance(found, click.Option)
    return found


def test_bounds_choices_and_words_are_the_fields() -> None:
    context, kv_type = made("context"), made("kv_type")
    assert isinstance(context.type, click.IntRange)
    assert (context.type.min, context.type.max, context.help) == (1, 100_000_000, "Tokens per slot (num_ctx).")
    assert isinstance(kv_type.type, click.Choice)
    assert (kv_type.opts, tuple(kv_type.type.choices)) == (["--kv-type"], ("f16", "q8_0", "q4_0"))


@pytest.mark.parametrize(("args", "name"), [(("type", "type_"), "type_"), (("host",), "host")])
def test_texts_stay_texts(args: tuple[str, ...], name: str) -> None:
    found = made(*args, help="Say it.")
    assert (found.name, found.help, found.type) == (name, "Say it.", click.STRING)


def test_what_is_given_wins() -> None:
    assert made("port", type=str).type is click.STRING
