#!/usr/bin/env bash
# LiteLLM 1.106.2, 1.110.2: /key/update of one key's soft_budget is that of every key of its budget, and no answer names it there.
#
# A soft budget is kept in a row of budgets (budget_id), which several keys may have. The update writes into that row;
# the field soft_budget of /key/list stays null all the while, and what holds is in litellm_budget_table.
#
# Needs a running proxy with a database: LITELLM_URL and LITELLM_MASTER_KEY (tests/real/README.md starts one).
#
# Seen:
#   a: soft_budget null, in its budget 7.0
#   b: soft_budget null, in its budget 7.0
set -euo pipefail
: "${LITELLM_URL:?}" "${LITELLM_MASTER_KEY:?}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 - > "$folder/seen" <<'PYTHON'
import json
import os
import urllib.request
import uuid


def ask(method, path, body=None):
    headers = {"Authorization": f"Bearer {os.environ['LITELLM_MASTER_KEY']}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(os.environ["LITELLM_URL"] + path, data=data, method=method, headers=headers)
    return json.load(urllib.request.urlopen(request, timeout=60))


budget, names = f"b-{uuid.uuid4()}", {name: f"{name}-{uuid.uuid4()}" for name in "ab"}
ask("POST", "/budget/new", {"budget_id": budget, "soft_budget": 5})
made = {n: ask("POST", "/key/generate", {"key_alias": alias, "models": ["x"], "budget_id": budget})["token"]
        for n, alias in names.items()}
ask("POST", "/key/update", {"key": made["a"], "soft_budget": 7})
for name, alias in names.items():
    (row,) = ask("GET", f"/key/list?return_full_object=true&key_alias={alias}")["keys"]
    print(f"{name}: soft_budget {json.dumps(row.get('soft_budget'))}, in its budget {row['litellm_budget_table']['soft_budget']}")
ask("POST", "/key/delete", {"keys": list(made.values())})
ask("POST", "/budget/delete", {"id": budget})
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
a: soft_budget null, in its budget 7.0
b: soft_budget null, in its budget 7.0
SEEN
