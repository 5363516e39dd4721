"""Commands that take a consumer's key: the value goes in on standard input, and nothing else ever has it."""

from __future__ import annotations

import shlex
import time

from fleethub.clients.host import HostError
from fleethub.clients.resolver import SecretError
from fleethub.clients.sinks import check, ended
from fleethub.kinds.consumer.actions import HandOver, RestartConsumer, TakeAway
from fleethub.kinds.execution import Context, Handler, StepError

EVERY = 1.0  # seconds between one check and the next, where what took the key needs a while


def hand_over(do: HandOver, context: Context) -> tuple[str, ...]:
    """Run the command; where a check is given it must tell the same key, within the time that the command has."""
    _agreed(do.agreed, context)
    try:
        key, text = context.resolver.open(do.key), context.resolver.fill(do.text)
    except SecretError as error:
        raise StepError(str(error)) from None
    _run(do.source.at, do.argv, text, do.timeout, key.reveal(), context)
    if not do.check:
        return ()
    end, digest = time.monotonic() + do.timeout, bytes.fromhex(key.sha256())
    while True:
        try:
            told = check(context.hosts, context.resolver, do.source.at, do.check, do.timeout, (key.reveal(),))
        except HostError as error:
            raise StepError(f"{do.argv[0]} took the key, and {error}") from None
        if told.digest == digest:
            return ()
        if time.monotonic() + EVERY > end:
            break
        context.say(f"{do.check[0]} does not tell the new key yet", do.timeout)
        context.pause(EVERY)
    why = told.failed or ("no key is there" if told.digest is None else "another key is there")
    raise StepError(f"{do.argv[0]} ended well, and after {do.timeout:g} s {why}")


def restart(do: RestartConsumer, context: Context) -> tuple[str, ...]:
    """Make the program take its key."""
    _agreed(do.agreed, context)
    _run(do.source.at, do.argv, b"", do.timeout, context.resolver.open(do.key).reveal(), context, leave=True)
    return ()


def take_away(do: TakeAway, context: Context) -> tuple[str, ...]:
    """Take the key away; without a command it stays where it is."""
    if not do.argv:
        why = "its key is ended" if do.ends else "its key works on until the next rotation"
        return (f"{do.source.of}: what was handed over stays where it is; {why}",)
    _agreed(do.argv, context)
    _run(do.source.at, do.argv, b"", do.timeout, "", context)
    return ()


def _agreed(argv: tuple[str, ...], context: Context) -> None:
    if not context.resolver.permits(shlex.join(argv)):
        raise StepError(f"{shlex.join(argv)!r} is not known on this machine, so it did not run: fleethub trust add")


def _run(
    at: str, argv: tuple[str, ...], stdin: bytes, seconds: float, secret: str, context: Context, leave: bool = False
) -> None:
    machine = "/".join(at.split("/", 3)[:3]) if "://" in at else ""
    try:
        with context.alone(f"commands at {machine}"):  # many read a store, change it and write it back as a whole
            done = context.hosts.command(at, argv, stdin, seconds, context.resolver.environment(), leave)
    except HostError as error:
        raise StepError(str(error)) from None
    if done.code != 0:
        raise StepError(ended(argv, done, (secret,) if secret else ()))


HANDLERS: dict[type, Handler] = {HandOver: hand_over, RestartConsumer: restart, TakeAway: take_away}
