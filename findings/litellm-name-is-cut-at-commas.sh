#!/usr/bin/env bash
# LiteLLM 1.82.0, 1.106.2, 1.110.2: a model whose name has a comma is taken into the model list and into keys, is shown to
# them, and no call of it is ever let through.
#
# /v1/models shows the name, also to a key whose list is that name alone. A call cuts what it names at the commas, takes
# blanks off, and asks the key for each part: the answer is the denial of a key without that model (403, before 1.106
# 401), for a name that nobody wrote. A blank at the end is enough. The master key gets 200, and a list with an error for
# each part. So a scope that is proved by what /v1/models shows is not proved.
#
# Needs a running proxy with a database and STORE_MODEL_IN_DB: LITELLM_URL and LITELLM_MASTER_KEY (tests/real/README.md
# starts one).
#
# Seen:
#   'small,fast': shown: True; called with its key: key_model_access_denied; with the master key: a list of ['small', 'fast']
#   'small ': shown: True; called with its key: key_model_access_denied
set -euo pipefail
: "${LITELLM_URL:?}" "${LITELLM_MASTER_KEY:?}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 - > "$folder/seen" <<'PYTHON'
import json
import os
import urllib.error
import urllib.request
import uuid

MASTER = os.environ["LITELLM_MASTER_KEY"]


def ask(path, body=None, bearer=MASTER):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(os.environ["LITELLM_URL"] + path, data, headers)) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


for name in ("small,fast", "small "):
    row = str(uuid.uuid4())
    params = {"model": "openai/small", "api_base": "http://127.0.0.1:9", "api_key": "none", "mock_response": "hi"}
    ask("/model/new", {"model_name": name, "litellm_params": params, "model_info": {"id": row}})
    key = ask("/key/generate", {"models": [name]})["key"]
    call = {"model": name, "messages": [{"role": "user", "content": "hi"}]}
    shown = [model["id"] for model in ask("/v1/models", bearer=key)["data"]] == [name]
    says = f"{name!r}: shown: {shown}; called with its key: {ask('/v1/chat/completions', call, key)['error']['type']}"
    if "," in name:
        says += f"; with the master key: a list of {[one['model'] for one in ask('/v1/chat/completions', call)]}"
    print(says)
    ask("/key/delete", {"keys": [key]})
    ask("/model/delete", {"id": row})
PYTHON
cat "$folder/seen"
diff "$folder/seen" - <<'SEEN'
'small,fast': shown: True; called with its key: key_model_access_denied; with the master key: a list of ['small', 'fast']
'small ': shown: True; called with its key: key_model_access_denied
SEEN
