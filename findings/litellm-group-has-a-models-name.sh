#!/usr/bin/env bash
# LiteLLM 1.82.0, 1.106.2, 1.110.2: an access group may be called as a model is; a key that names the model may then call the
# whole group, and 1.82.0 shows that key the group and no more the model, which it goes on serving.
#
# An entry of a key's list is looked up as a group and as a model, and neither is preferred: who tags a second model with
# access_groups: ["small"] has widened every key for "small" without touching one. Nothing warns, at the model or at the
# key. With 1.82.0 the key's /v1/models then lacks what it calls every day.
#
# Needs a running proxy with a database and STORE_MODEL_IN_DB: LITELLM_URL and LITELLM_MASTER_KEY (tests/real/README.md
# starts one).
#
# Seen:
#   before: ALONE 200, TAGGED denied; shown: ALONE
#   after:  ALONE 200, TAGGED 200; shown: ALONE TAGGED (1.82.0: TAGGED)
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
mark = uuid.uuid4().hex[:8]
alone, tagged = f"alone-{mark}", f"tagged-{mark}"


def ask(path, body=None, bearer=MASTER):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(os.environ["LITELLM_URL"] + path, data, headers)) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


def stored(name, groups):
    params = {"model": "openai/x", "api_base": "http://127.0.0.1:9", "api_key": "none", "mock_response": "hi"}
    info = {"id": name, "access_groups": groups}
    ask("/model/new", {"model_name": name, "litellm_params": params, "model_info": info})


def called(name):
    told = ask("/v1/chat/completions", {"model": name, "messages": [{"role": "user", "content": "hi"}]}, key)
    return "denied" if told.get("error", {}).get("type") == "key_model_access_denied" else 200 if "choices" in told else told


def show(title):
    listed = sorted(model["id"] for model in ask("/v1/models", bearer=key)["data"])
    words = " ".join(name.split("-")[0].upper() for name in listed)
    print(f"{title} ALONE {called(alone)}, TAGGED {called(tagged)}; shown: {words}")


key = ask("/key/generate", {"models": [alone]})["key"]
stored(alone, [])
stored(tagged, [])
show("before:")
ask("/model/delete", {"id": tagged})
stored(tagged, [alone])
show("after: ")
ask("/key/delete", {"keys": [key]})
for name in (alone, tagged):
    ask("/model/delete", {"id": name})
PYTHON
cat "$folder/seen"
sed 's/; shown: TAGGED$/; shown: ALONE TAGGED/' "$folder/seen" | diff - <(cat <<'SEEN'
before: ALONE 200, TAGGED denied; shown: ALONE
after:  ALONE 200, TAGGED 200; shown: ALONE TAGGED
SEEN
)
