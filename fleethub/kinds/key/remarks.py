"""What is found about a key as it is, which forbids nothing: a budget that is spent, an end that is near."""

from __future__ import annotations

import shlex

from fleethub.kinds.key.attributes import KeyState
from fleethub.model.finding import Finding
from fleethub.model.text import amount, money, span, table_name

SOON = 7 * 86400.0  # seconds before its end that a key is told of, or a quarter of its life where that is less


def rotation(alias: str, owner: str) -> str:
    """The command that gives a key a new value, as it works for whose the key is."""
    return shlex.join(("fleethub", "rotate", alias, *(("--project", owner) if owner else ())))


def remarks(item: KeyState) -> list[Finding]:
    """The key, or its team, has spent its budget, or would have by the spec's; or it ends soon, as it says, or has."""
    return [*_ending(item), *_spent(item), *_would_block(item)]


def _ending(item: KeyState) -> list[Finding]:
    seen, want = item.seen, item.want
    if seen is None or want is None or want.attrs.expires is None or seen.telemetry.left is None:
        return []
    left, alias = seen.telemetry.left, item.address.alias
    if left > min(SOON, ((seen.telemetry.age or 0.0) + left) / 4):
        return []
    where = f"the key {alias!r} on {item.address.owner}"
    hint = f"{rotation(alias, want.owner)}, then fleethub apply"
    if left <= 0:
        message = f"{where} expired {span(-left)} ago: every call with it is refused"
        return [Finding("key.expired", message, item.address, want.place, hint)]
    return [Finding("key.expires-soon", f"{where} expires in {span(left)}", item.address, want.place, hint)]


def _spent(item: KeyState) -> list[Finding]:
    seen, want = item.seen, item.want
    if seen is None or want is None:
        return []
    team = seen.telemetry.team_state
    says = seen.telemetry.spent
    over = False
    if team is not None and team.max_budget and team.spend is not None and team.spend >= team.max_budget:
        over = True
        says = says or f"its team {team.alias or team.id} has spent {money(team.spend)} of {amount(team.max_budget)}"
    if not says:
        return []
    message = f"the key {item.address.alias!r} on {item.address.owner} is refused every call: {says}"
    block = f"[keys.{table_name(item.address.alias)}]"
    hint = "raise the team's max_budget in LiteLLM" if over else f"raise max_budget in {block}"
    return [Finding("key.spent", message, item.address, want.place, f"{hint}, or wait until the budget is reset")]


def _would_block(item: KeyState) -> list[Finding]:
    """A budget that an apply brings, and that is spent already."""
    seen, want = item.seen, item.want
    most, spend = (want.attrs.max_budget if want else None), (seen.telemetry.spend if seen else None)
    if seen is None or want is None or most is None or not spend or spend < most or seen.attrs.max_budget == most:
        return []
    message = (
        f"the key {item.address.alias!r} on {item.address.owner} has spent {money(spend)}, so a max_budget of "
        f"{amount(most)} blocks it at once"
    )
    block = f"[keys.{table_name(item.address.alias)}]"
    hint = f"raise max_budget in {block}, or wait until its budget is reset"
    return [Finding("key.budget-below-spend", message, item.address, want.place, hint)]
