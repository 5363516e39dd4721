"""Each recipe of docs/consumers.md is run, with stand-ins that do what the real programs document, no kinder."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleethub.testing.litellm import LiteLLM
from tests.fleets import Spec, deployment, fleet
from tests.proxies import chat
from tests.support import MASTER, Place

PAGE = (Path(__file__).parents[1] / "docs/consumers.md").read_text()
RECIPES = dict(re.findall(r"^### (.+?)\n.*?```toml\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL))
NAME = "open-webui"

#: Each refuses what it does not know, keeps what it keeps in $KEPT, and never reads a secret from its arguments.
PROGRAMS = {
    "1Password": {
        "op": r"""#!/bin/sh
item=$KEPT/open-webui
case "$*" in
  "item edit open-webui --vault Fleet") cat >"$item.json"
    sed -n 's/.*"id": "credential".*"value": "\([^"]*\)".*/\1/p' "$item.json" | tr -d '\n' >"$item";;
  "read --no-newline op://Fleet/open-webui/credential")
    [ -e "$item" ] || { echo '[ERROR] "open-webui" isn'"'"'t an item' >&2; exit 1; }
    cat "$item";;
  "item delete open-webui --vault Fleet --archive") rm "$item" "$item.json";;
  *) echo "[ERROR] unknown: $*" >&2; exit 1;;
esac"""
    },
    "Vault, OpenBao": {
        "vault": r"""#!/bin/sh
[ "$1 $3" = "kv -mount=secret" ] || exit 1
case $2 in
  put) [ "$4 $5" = "llm/open-webui key=-" ] || exit 1
    cat >"$KEPT/open-webui"; printf '%s\n' "$6" "$7" >"$KEPT/beside";;
  get) [ "$4 $5" = "-field=key llm/open-webui" ] || exit 1
    [ -e "$KEPT/open-webui" ] || { echo "No value found at secret/data/llm/open-webui" >&2; exit 2; }
    cat "$KEPT/open-webui";;
  delete) rm -f "$KEPT/open-webui";;
  *) exit 1;;
esac"""
    },
    "sops": {
        "sops": r"""#!/bin/sh
case "$*" in
  'set --value-stdin secrets.enc.yaml ["open_webui_key"]')
    value=$(cat); case $value in '"'*'"') ;; *) echo "value must be JSON" >&2; exit 1;; esac
    value=${value#\"}; printf %s "${value%\"}" >"$KEPT/open-webui";;
  'decrypt --extract ["open_webui_key"] secrets.enc.yaml')
    [ -e "$KEPT/open-webui" ] || { echo "component open_webui_key not found" >&2; exit 91; }
    cat "$KEPT/open-webui";;
  'unset secrets.enc.yaml ["open_webui_key"]') rm "$KEPT/open-webui";;
  *) exit 1;;
esac"""
    },
    "Kubernetes": {
        "kubectl": r"""#!/bin/sh
case "$*" in
  "create secret generic open-webui --from-env-file=/dev/stdin --dry-run=client -o yaml")
    echo "kind: Secret"; echo "data:"
    while IFS='=' read -r name value; do printf '  %s: %s\n' "$name" "$(printf %s "$value" | base64 -w 0)"; done;;
  "apply --server-side -f -") cat >"$KEPT/secret"
    [ -s "$KEPT/secret" ] || { echo "no objects passed to apply" >&2; exit 1; }
    sed -n 's/  OPENAI_API_KEY: //p' "$KEPT/secret" | base64 -d >"$KEPT/open-webui";;
  "get secret open-webui --ignore-not-found -o go-template={{.data.OPENAI_API_KEY|base64decode}}")
    [ ! -e "$KEPT/open-webui" ] || cat "$KEPT/open-webui";;
  "delete secret open-webui --ignore-not-found") rm -f "$KEPT/open-webui" "$KEPT/secret";;
  "rollout restart deployment/open-webui") cp "$KEPT/open-webui" "$KEPT/running";;
  *) echo "error: unknown command: $*" >&2; exit 1;;
esac"""
    },
    "Docker (Swarm)": {
        "docker": r"""#!/bin/sh
case "$*" in
  "secret inspect "*) [ -e "$KEPT/$3" ] || { echo "Error: no such secret: $3" >&2; exit 1; };;
  "secret create "*" -")
    [ ! -e "$KEPT/$3" ] || { echo "rpc error: name conflicts with an existing object" >&2; exit 1; }
    cat >"$KEPT/$3"; cp "$KEPT/$3" "$KEPT/open-webui"; echo onakdyv307se2tl7nl20anokv;;
  "service inspect --format "*" open-webui")
    all='{{range .Spec.TaskTemplate.ContainerSpec.Secrets}}'
    [ "$4" = "$all"'{{if eq .File.Name "openai_key"}}--secret-rm {{.SecretName}} {{end}}{{end}}' ] || exit 1
    [ ! -e "$KEPT/using" ] || printf -- '--secret-rm %s ' "$(cat "$KEPT/using")"; echo;;
  "service update --quiet "*)
    new=${*##*source=}; new=${new%%,*}
    if [ -e "$KEPT/using" ]; then
      case "$*" in "service update --quiet --secret-rm $(cat "$KEPT/using") --secret-add source="*) ;; *) exit 1;; esac
    fi
    [ -e "$KEPT/$new" ] || exit 1
    echo "$new" >"$KEPT/using"; cp "$KEPT/$new" "$KEPT/running";;
  *) echo "docker: unknown: $*" >&2; exit 1;;
esac"""
    },
}


@pytest.fixture
def proxy() -> Iterator[LiteLLM]:
    with LiteLLM(models=[deployment("qwen3-32b")], master_key=MASTER, cache_ttl=0.01) as running:
        yield running


def test_each_recipe_has_its_programs() -> None:
    assert RECIPES.keys() == PROGRAMS.keys()


@pytest.mark.parametrize("recipe", PROGRAMS)
def test_a_recipe(recipe: str, tmp_path: Path, proxy: LiteLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    tools, kept = tmp_path / "bin", tmp_path / "kept"
    tools.mkdir()
    kept.mkdir()
    for name, text in PROGRAMS[recipe].items():
        text = text.replace("$KEPT", str(kept)).replace(
            "#!/bin/sh", '#!/bin/sh\nprintf "%s\\n" "$*" >>' + f"{kept}/argv"
        )
        (tools / name).write_text(text + "\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    block = {**tomllib.loads(RECIPES[recipe])["consumers"][NAME], "settle": "0s", "timeout": "5s"}
    block.pop("target", None)  # over SSH it is tests/real's to show
    spec: Spec = fleet(proxy.url).models("qwen3-32b").table(f"consumers.{NAME}", **block)
    place = Place(tmp_path / "fleet", spec.text)
    place.apply()
    first = (kept / NAME).read_text()
    assert chat(proxy.url, first, "qwen3-32b")[0] == 200
    place.plan_is_empty()
    place.run("rotate", f"key.main.{NAME}", "--auto-approve", code=0)
    place.apply()
    second = (kept / NAME).read_text()
    assert (second[:3], first == second) == ("sk-", False)
    assert chat(proxy.url, second, "qwen3-32b")[0] == 200
    assert "consumer." not in place.run("plan", code=0)  # the old value waits for its grace where nothing is restarted
    if "restart" in block:
        place.plan_is_empty()
        assert (kept / "running").read_text() == second
    if "check" in block:
        (kept / NAME).write_text("sk-another")
        assert "key changed" in place.run("plan", code=0)
        place.apply()
        assert (kept / NAME).read_text() == second
    assert not any(value in (kept / "argv").read_text() for value in (first, second, MASTER))
    if recipe == "1Password":
        item = json.loads((kept / f"{NAME}.json").read_text())
        assert {field["id"]: field["value"] for field in item["fields"]}["hostname"] == f"{proxy.url}/v1"
    place.write(spec.without("consumers").text)
    place.run("apply", "--auto-approve", "--allow", "stop.deletes", code=0)
    assert (kept / NAME).exists() is ("remove" not in block)
