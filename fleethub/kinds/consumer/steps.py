"""What must be done for a consumer whose key is handed to a command."""

from __future__ import annotations

from dataclasses import replace

from fleethub.kinds.compare import record
from fleethub.kinds.consumer.actions import HandOver, RestartConsumer, TakeAway
from fleethub.kinds.consumer.attributes import sink_attrs
from fleethub.kinds.consumer.sink import handed, key_of, taking_away, text_of
from fleethub.kinds.node.actions import Settle
from fleethub.kinds.node.attributes import NodeState
from fleethub.kinds.values import Work
from fleethub.model.plan import Phase, Step
from fleethub.nodetypes.sink.words import filled

SECONDS = 60.0  # for the command that takes a key away: its block, which said how long, is gone


def steps(item: NodeState) -> Work:
    """Hand over, restart what reads it, wait; a removed block takes it away."""
    want = item.want
    if want is None:
        if item.locked is None:
            return Work()
        away = TakeAway(item.locked.source, taking_away(item), SECONDS, ends=item.moved is None)
        return Work((Step(f"{item.address}/remove", item.address, Phase.CONTRACT, away, removes=True),))
    attrs, node = sink_attrs(want.attrs), want.material.node
    if attrs is None or node.sink is None:
        return Work()
    settle = f"{item.address}/settle"
    if handed(sink_attrs(item.seen.attrs) if item.seen else None) == handed(attrs):
        wait = Settle(node.settle, None, attrs.given_at)
        return Work((Step(settle, item.address, Phase.SETTLE, wait, locked=record(want)),))
    source, key = replace(want.source, ask=()), key_of(want)
    argv, again = (
        filled(words, attrs.base_url, attrs.chain, attrs.generation) for words in (attrs.command, node.command)
    )
    do = HandOver(source, argv, attrs.command, text_of(want), key, node.sink.check, node.timeout)
    give = Step(f"{item.address}/deliver", item.address, Phase.DELIVER, do, locked=record(want))
    if not node.command:
        wait = Settle(node.settle, give.id)
        return Work((give, Step(settle, item.address, Phase.SETTLE, wait, after=(give.id,))))
    anew = RestartConsumer(source, again, node.command, key, node.timeout)
    start = Step(f"{item.address}/activate", item.address, Phase.ACTIVATE, anew, (give.id,), locked=record(want))
    wait = Settle(node.settle, start.id)
    last = Step(settle, item.address, Phase.SETTLE, wait, after=(start.id,))
    return Work((replace(give, locked=None), start, last))
