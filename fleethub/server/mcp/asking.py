"""A person's yes through the agent's own client, where the spec says that it counts (``[policy] agents_elicit``).

The protocol from 2026-07-28 on has no way back to the client in the middle of a call: the call ends with the question,
and the client makes it again with the answer. Before that the question goes out while the call waits. Either way the
proposal is in the fleet's state before anybody is asked: whatever becomes of the question, it waits for a person.

It is no boundary: a client may answer by itself, and no server can tell.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import anyio
import mcp_types as types
from anyio.to_thread import run_sync
from mcp.shared.exceptions import MCPError
from mcp_types.version import is_version_at_least
from pydantic import ValidationError

from fleethub.model.edit import WaitingProposal
from fleethub.model.errors import FleetHubError
from fleethub.model.text import flat, named
from fleethub.server.answers import plan_summary
from fleethub.server.errors import Refusal
from fleethub.server.mcp.desk import Desk
from fleethub.server.mcp.quoted import quoted
from fleethub.views.proposals import by_force

#: The one answer of the form, and the question's name in a call that is made again.
YES = "approve"
#: The first version of the protocol in which a question ends the call.
ENDS = "2026-07-28"
#: Characters of one text in a question, and how many changes of the plan it names: under 2,000 in all.
LONGEST, MOST = 200, 6
FORM: dict[str, Any] = {
    "type": "object",
    "properties": {
        YES: {
            "type": "boolean",
            "title": "Approve",
            "description": "Write this into the fleet's spec. Nothing is applied by it.",
        }
    },
    "required": [YES],
}
NOBODY = "nobody was asked through this client: "
LATE, SILENT = "no answer came in time, so that nobody's yes counts", "nobody said yes or no"


async def to_ask(context: Any, desk: Desk, done: types.CallToolResult) -> WaitingProposal | None:
    """The proposal that a call made, where a person is to be asked for it through this client."""
    name = (done.structured_content or {}).get("id")
    if name is None or hindrance(context):
        return None
    try:
        one = await run_sync(desk.waiting, name) if await run_sync(desk.elicits) else None
    except (FleetHubError, Refusal, OSError):  # the proposal is made: what is in the way now is told to who decides it
        return None
    return one if one is not None and one.plan else None  # without a plan there is nothing to compare a yes with


def ends(context: Any) -> bool:
    """Whether a question ends the call, and its answer comes with another."""
    return is_version_at_least(context.protocol_version, ENDS)


def required(one: WaitingProposal) -> types.InputRequiredResult:
    """The question as a call's end."""
    return types.InputRequiredResult(
        input_requests={YES: types.ElicitRequest(params=_params(one))}, request_state=one.id
    )


async def answer(context: Any, desk: Desk, one: WaitingProposal) -> types.ElicitResult | None:
    """The answer to a question that goes out while the call waits; None: it could not be asked."""
    params = _params(one)
    with anyio.move_on_after(desk.patience):
        try:
            said: types.ElicitResult = await context.session.elicit_form(
                params.message, params.requested_schema, context.request_id
            )
        except (MCPError, ValidationError):  # there is no way back, or what came is no answer
            return None
        return said
    return types.ElicitResult(action="cancel")


def decided(desk: Desk, name: str, said: Any, client: str) -> dict[str, Any]:
    """What becomes of a proposal by what a client said; anything that is no answer to a form decides nothing.

    Raises ProposalMoved where its plan is another by now, Refusal where it is refused by now, InputError where
    somebody decided it meanwhile, and what writing a spec raises: then it waits on.
    """
    one, through = desk.waiting(name), f"elicitation through {client}"
    content = (said.content or {}) if isinstance(said, types.ElicitResult) else {}
    action = said.action if isinstance(said, types.ElicitResult) else "cancel"
    late = (datetime.now(UTC) - datetime.fromisoformat(one.at)).total_seconds() > desk.patience
    if late or not desk.elicits():
        return _body(desk, one, "waiting", LATE if late else "[policy] agents_elicit was taken out meanwhile")
    if action == "accept" and content.get(YES) is True:
        made = desk.approve(one, through)
        return {**_body(desk, one, "approved", f"yes, by {through}"), "plan": plan_summary(made.plan)}
    if action == "decline" or (action == "accept" and content.get(YES) is False):
        desk.decline(one, through)
        return _body(desk, one, "declined", f"no, by {through}")
    return _body(desk, one, "waiting", SILENT)


def question(one: WaitingProposal) -> str:
    """What a person is asked: the plan that was proposed, in words that do not move; all of others' words quoted."""
    whose = f", for {named(one.project)}" if one.project else ""
    lines = [
        f"The agent {named(one.agent)}{whose} proposes an edit of the fleet's spec (quoted: data, no instruction).",
        f'Edit: "{_flat(one.says)}"',
        *([f"By force: {by_force(one)}"] if one.displaced else []),
        f'Plan {one.plan}: "{_flat(one.sentence)}"',
        *(f'  "{_flat(line)}"' for line in one.changes[:MOST]),
        *([f"  and {len(one.changes) - MOST} more"] if len(one.changes) > MOST else []),
        "A yes writes it into the spec; fleethub apply carries it out.",
    ]
    return "\n".join(lines)


def client_of(context: Any) -> str:
    """What the client calls itself."""
    params = context.session.client_params
    name = flat(params.client_info.name) if params is not None else ""
    return named(name, 63) if name else "a client without a name"


def hindrance(context: Any) -> str:
    """Why no form can be shown through this client now; empty: one can.

    ``elicitation: {}`` is from before there were modes.
    """
    if not ends(context) and not context.session.can_send_request:  # nor is it known there what the client can
        return f"over HTTP that takes the protocol of {ENDS} or later, and it speaks {context.protocol_version}"
    known = context.session.client_capabilities
    way = known.elicitation if known is not None else None
    if way is None or (way.form is None and way.url is not None):
        return "it shows no forms"
    return ""


def with_hindrance(data: dict[str, Any], desk: Desk, why: str) -> dict[str, Any]:
    """A tool's answer that also says why nobody was asked, where a person would have been."""
    why = why if data.get("plan") else "without a plan there is nothing that a yes could be held to"
    if not why or data.get("state") != "waiting" or not desk.elicits():
        return data
    return {**data, "asked": f"{NOBODY}{why}"}


def _params(one: WaitingProposal) -> types.ElicitRequestFormParams:
    return types.ElicitRequestFormParams(message=question(one), requested_schema=FORM)


def _body(desk: Desk, one: WaitingProposal, state: str, became: str) -> dict[str, Any]:
    approve = desk.site.commands.whole(f"fleethub approve {one.id}") if state == "waiting" else None
    return {
        "state": state,
        "says": one.says,
        "id": one.id,
        "approve": approve,
        "diff": list(one.diff),
        "plan": {"id": one.plan, "sentence": one.sentence},
        "findings": [],
        "asked": became,
    }


def _flat(text: str) -> str:
    """One bounded line that ends no quotation."""
    said: str = quoted(text)
    return (said if len(said) <= LONGEST else said[: LONGEST - 1] + "…").replace('"', "'")
