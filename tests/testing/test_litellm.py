"""Every trap of LiteLLM that FleetHub must survive is one that the stand-in has.

The expectations were compared with real proxies of both versions.
"""

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from fleethub.testing.litellm import MASTER_KEY, Database, LiteLLM, token_of
from fleethub.testing.litellm.replica import BATCH

NEW, OLD = "1.106.2", "1.82.0"
KEY, OTHER = "sk-node-a-0123456789", "sk-node-b-0123456789"
MODELS = [
    {
        "model_name": "qwen3-30b",
        "litellm_params": {
            "model": "ollama_chat/qwen3:30b",
            "api_base": "http://127.0.0.1:9",
            "num_ctx": 8192,
            "api_key": "sk-hidden",
        },
        "model_info": {"id": "dep-qwen", "access_groups": ["fast-models"]},
    },
    {"model_name": "gemma3-27b", "litellm_params": {"model": "openai/fake"}},
    {"model_name": "openai/*", "litellm_params": {"model": "openai/*"}},
]


@pytest.fixture(params=[NEW, OLD])
def version(request):
    return request.param


@pytest.fixture
def start():
    servers = []

    def start(database=None, **options):
        servers.append(LiteLLM(database, models=MODELS, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()
        assert server.faults == []


@pytest.fixture
def proxy(start, version, clock):
    return start(version=version, clock=clock, store_models=True)


@pytest.fixture
def admin(proxy, connect):
    return connect(proxy, MASTER_KEY)


def make(admin, value=KEY, **fields):
    answer = admin.post("/key/generate", json={"key": value, **fields})
    assert answer.status_code == 200, answer.text
    return token_of(value)


def info(admin, token):
    return admin.get("/key/info", params={"key": token}).json()["info"]


def say(client, model="qwen3-30b"):
    return client.post("/v1/chat/completions", json={"model": model, "messages": []})


def names(client):
    return [m["id"] for m in client.get("/v1/models").json()["data"]]


def kind(answer):
    return answer.json()["error"]["type"]


def test_token_is_the_digest_of_the_whole_value(admin):
    answer = admin.post("/key/generate", json={"key": KEY, "key_alias": "node-a", "models": ["x"]}).json()
    assert answer["key"] == KEY
    assert answer["token"] == answer["token_id"] == hashlib.sha256(KEY.encode()).hexdigest()
    assert info(admin, answer["token"]) == info(admin, KEY)
    assert "token" not in info(admin, KEY)


def test_generating_an_existing_value_echoes_but_changes_nothing(admin):
    make(admin, key_alias="node-a", models=["qwen3-30b"])
    echo = admin.post("/key/generate", json={"key": KEY, "key_alias": "node-b", "models": []})
    assert (echo.status_code, echo.json()["key_alias"]) == (200, "node-b")
    assert (info(admin, KEY)["key_alias"], info(admin, KEY)["models"]) == ("node-a", ["qwen3-30b"])


def test_alias_is_unique(admin):
    make(admin, key_alias="node-a")
    answer = admin.post("/key/generate", json={"key": OTHER, "key_alias": "node-a"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "key_alias")


def test_parallel_generates_share_an_alias(admin, proxy):
    proxy.replica.after_alias_check = threading.Barrier(2, timeout=300).wait
    with ThreadPoolExecutor(2) as pool:
        bodies = [{"key": value, "key_alias": "race"} for value in (KEY, OTHER)]
        answers = list(pool.map(lambda body: admin.post("/key/generate", json=body), bodies))
    assert [a.status_code for a in answers] == [200, 200]
    assert admin.get("/key/list", params={"key_alias": "race"}).json()["total_count"] == 2


@pytest.mark.parametrize(
    ("alias", "new", "old"),
    [("a.b", 200, 200), ("a b", 200, 400), ("", 200, 400), ("a:b", 200, 400), ("../x", 400, 400)],
)
def test_alias_format(admin, version, alias, new, old):
    answer = admin.post("/key/generate", json={"key": KEY, "key_alias": alias})
    assert answer.status_code == (old if version == OLD else new)


@pytest.mark.parametrize(
    ("body", "new", "old"),
    [
        ({"key": "xx-0123456789012345"}, 400, 400),
        ({"key": "sk-short"}, 400, 200),
        ({"max_budget": -1}, 400, 400),
        ({"budget_duration": "banana"}, 400, 200),
        ({"tags": ["a"]}, 403, 403),
        ({"model_max_budget": {"x": 1}}, 500, 500),
        ({"models": "x"}, 422, 422),
        ({"rpm_limit": "abc"}, 422, 422),
        ({"no_such_field": 1, "models": ["no-such-model"]}, 200, 200),
    ],
)
def test_generate_refuses(admin, version, body, new, old):
    answer = admin.post("/key/generate", json={"key": KEY, **body})
    assert answer.status_code == (old if version == OLD else new)
    if answer.status_code == 422:
        assert answer.json()["detail"][0]["loc"][0] == "body"
        assert ("input" in answer.json()["detail"][0]) == (version == OLD)


def test_limits_per_model_live_in_the_metadata_and_go_with_it(admin):
    token = make(admin, metadata={"mine": 1}, model_rpm_limit={"qwen3-30b": 7})
    row = admin.get("/key/list?return_full_object=true").json()["keys"][0]
    assert "model_rpm_limit" not in row
    assert row["metadata"] == {"mine": 1, "model_rpm_limit": {"qwen3-30b": 7}}

    def change(**fields):
        assert admin.post("/key/update", json={"key": token, **fields}).status_code == 200
        return info(admin, token)["metadata"]

    assert change(model_rpm_limit=None) == row["metadata"]
    assert change(metadata={"b": 2}) == {"b": 2}
    assert change(metadata={"b": 3}, model_rpm_limit={"x": 1}) == {"b": 3, "model_rpm_limit": {"x": 1}}
    assert change(model_rpm_limit={}) == {"b": 3, "model_rpm_limit": {}}


def test_update_changes_what_is_present_and_null_clears(admin, version):
    limits = {"tpm_limit": 5, "rpm_limit": 6, "max_budget": 7.0, "budget_duration": "30d"}
    token = make(admin, key_alias="node-a", models=["qwen3-30b"], **limits)
    assert info(admin, token)["budget_reset_at"].endswith("-01T00:00:00.000000+00:00")
    answer = admin.post("/key/update", json={"key": token, **dict.fromkeys(limits)})
    assert answer.json()["key"] == token
    after = info(admin, token)
    assert [after[n] for n in ("tpm_limit", "rpm_limit", "max_budget")] == [None, None, None]
    assert after["budget_duration"] == ("30d" if version == OLD else None)
    assert (after["budget_reset_at"] is None) == (version == NEW)
    assert (after["key_alias"], after["models"]) == ("node-a", ["qwen3-30b"])
    assert admin.post("/key/update", json={"key": token, "models": None}).status_code == 400


def test_settings_updated_at_tells_the_versions_apart(admin, version):
    token = make(admin)
    row = admin.get("/key/list?return_full_object=true").json()["keys"][0]
    assert ("settings_updated_at" in row) == (version == NEW)
    assert row.get("settings_updated_at") is None
    admin.post("/key/update", json={"key": token, "rpm_limit": 5})
    assert bool(info(admin, token).get("settings_updated_at")) == (version == NEW)


def test_update_by_alias_and_of_an_unknown_key(admin, version):
    make(admin, key_alias="node-a")
    by_alias = admin.post("/key/update", json={"key_alias": "node-a", "rpm_limit": 1})
    assert by_alias.status_code == (422 if version == OLD else 200)
    unknown = admin.post("/key/update", json={"key": "0" * 64, "rpm_limit": 1})
    expected = (401, "auth_error") if version == OLD else (404, "not_found_error")
    assert (unknown.status_code, kind(unknown)) == expected


def test_an_ambiguous_alias_is_no_identifier(start, connect):
    proxy = start(version=NEW)
    for value in (KEY, OTHER):
        proxy.database.add(value, key_alias="race")
    answer = connect(proxy, MASTER_KEY).post("/key/update", json={"key_alias": "race", "rpm_limit": 1})
    assert answer.status_code == 400
    assert "Multiple keys share key_alias='race'" in answer.text


def test_rename(admin):
    token = make(admin, key_alias="node-a")
    make(admin, OTHER, key_alias="node-b")
    taken = admin.post("/key/update", json={"key": token, "key_alias": "node-b"})
    assert taken.status_code == 400
    assert admin.post("/key/update", json={"key": token, "key_alias": "node-c"}).status_code == 200
    assert info(admin, token)["key_alias"] == "node-c"


def test_delete_says_more_than_it_did(admin, version):
    token = make(admin, key_alias="node-a")
    answer = admin.post("/key/delete", json={"keys": [token, "unknown"]})
    assert (answer.status_code, answer.json()) == (200, {"deleted_keys": [token, "unknown"]})
    assert admin.post("/key/delete", json={"keys": [token]}).status_code == 404
    assert admin.post("/key/delete", json={}).status_code == 422
    assert admin.get("/key/list").json()["total_count"] == 0
    archived = admin.get("/key/list?status=deleted&return_full_object=true").json()["keys"]
    assert [row["token"] for row in archived] == [token]
    after = admin.get("/key/info", params={"key": token})
    if version == OLD:
        assert after.status_code == 404
    else:
        assert (after.status_code, after.json()["info"]["status"]) == (200, "deleted")
    make(admin, key_alias="node-a")
    assert info(admin, token).get("status", "active") == "active"


def test_delete_by_alias_takes_every_key_of_that_name(admin, proxy):
    for value in (KEY, OTHER):
        proxy.database.add(value, key_alias="race")
    assert admin.post("/key/delete", json={"key_aliases": ["race", "none"]}).status_code == 200
    assert proxy.database.keys == {}


def test_block_and_unblock(admin, proxy, connect, version):
    token = make(admin)
    node = connect(proxy, KEY)
    assert admin.post("/key/block", json={"key": token}).status_code == 200
    assert info(admin, token).get("status") == (None if version == OLD else "revoked")
    assert (say(node).status_code, kind(say(node))) == (401, "auth_error")
    assert node.get("/v1/models").status_code == 401
    assert admin.post("/key/unblock", json={"key": KEY}).status_code == 200
    assert say(node).status_code == 200
    unknown = admin.post("/key/block", json={"key": "0" * 64})
    assert unknown.status_code == (401 if version == OLD else 404)


# -- listing


def test_list_pages(admin, proxy, connect):
    for n in range(25):
        proxy.database.add(f"sk-many-{n:04d}-0123456789", key_alias=f"many-{n:02d}")
    first = admin.get("/key/list").json()
    assert (len(first["keys"]), first["total_count"], first["total_pages"]) == (10, 25, 3)
    order = {"sort_by": "key_alias", "sort_order": "asc", "size": 20, "return_full_object": True}
    seen = [
        row["key_alias"]
        for page in (1, 2, 3)
        for row in admin.get("/key/list", params={**order, "page": page}).json()["keys"]
    ]
    assert seen == [f"many-{n:02d}" for n in range(25)]


def test_all_keys_at_once(admin, proxy, version):
    make(admin, key_alias="node-a", soft_budget=2.0)
    proxy.database.add("sk-a-session-of-the-page", team_id="litellm-dashboard", spend=1.0)
    listed = admin.get("/key/list?return_full_object=true").json()
    session, row = admin.get("/spend/keys").json()
    assert (listed["total_count"], session["team_id"]) == (1, "litellm-dashboard")
    told = listed["keys"][0]
    same = {name for name in row.keys() & told.keys() if row[name] == told[name]}
    assert row.keys() & told.keys() - same == ({"litellm_budget_table"} if version == OLD else set())
    assert ("budget_id" in told) == (version != OLD)
    assert row["litellm_budget_table"]["soft_budget"] == 2.0


@pytest.mark.parametrize(
    ("query", "status"),
    [("size=101", 422), ("size=0", 422), ("page=0", 422), ("page=x", 422), ("sort_by=models", 400)],
)
def test_list_refuses(admin, query, status):
    assert admin.get(f"/key/list?{query}").status_code == status


def test_list_filters(admin, version):
    token = make(admin, key_alias="node-a")
    make(admin, OTHER, key_alias="node-ab")

    def count(**query):
        return admin.get("/key/list", params=query).json()["total_count"]

    assert count(key_alias="node-a") == 1
    assert count(key_alias="NODE-A") == count(key_alias="node-") == 0
    assert count(key_alias="node-a", substring_matching=True) == (1 if version == OLD else 2)
    assert count(key_alias="") == count() == 2
    assert count(key_hash=token) == 1
    assert count(key_hash=KEY) == 0
    assert count(search="node-ab") == (2 if version == OLD else 1)
    assert admin.get("/key/list?status=active").status_code == (400 if version == OLD else 200)


def test_full_objects_and_infos_write_times_differently(admin):
    make(admin)
    row = admin.get("/key/list?return_full_object=true").json()["keys"][0]
    assert row["created_at"].endswith("Z")
    assert info(admin, KEY)["created_at"].endswith("+00:00")
    assert len(row) > 80
    assert (row["blocked"], row["access_group_ids"], row["created_by"]) == (None, [], "default_user_id")


def test_key_info_is_not_by_alias_and_a_key_may_read_any(admin, proxy, connect):
    make(admin, key_alias="node-a")
    make(admin, OTHER)
    assert admin.get("/key/info?key_alias=node-a").status_code == 404
    assert admin.get("/key/info?key=sk-unknown-0123456789").status_code == 404
    node = connect(proxy, KEY)
    assert node.get("/key/info").json()["key"] == token_of(KEY)
    assert node.get("/key/info", params={"key": token_of(OTHER)}).status_code == 200


def test_v2_info_leaves_gaps(admin, version):
    token = make(admin, key_alias="node-a")
    answer = admin.post("/v2/key/info", json={"keys": ["unknown", token]}).json()
    assert answer["key"] == ["unknown", token]
    assert [i["key_alias"] for i in answer["info"]] == ["node-a"]
    assert ("token" in answer["info"][0]) == (version == OLD)


def test_a_thousand_keys_are_listed_quickly(admin, proxy):
    for n in range(1000):
        proxy.database.add(f"sk-many-{n:04d}-0123456789", key_alias=f"many-{n:04d}")
    query = {"sort_by": "key_alias", "sort_order": "asc", "size": 100, "return_full_object": True}
    start = time.process_time()  # the proxy's threads are of this process
    pages = [admin.get("/key/list", params={**query, "page": n}).json()["keys"] for n in range(1, 11)]
    assert time.process_time() - start < 5  # a tenth of that on an idle machine
    assert [row["key_alias"] for page in pages for row in page] == [f"many-{n:04d}" for n in range(1000)]


# -- what a key may do


ALL_NEW = ["qwen3-30b", "gemma3-27b"]


@pytest.mark.parametrize(
    ("models", "listed", "listed_old", "qwen", "gemma"),
    [
        ([], ALL_NEW, [*ALL_NEW, "openai/*"], True, True),
        (["all-proxy-models"], ALL_NEW, [*ALL_NEW, "openai/*"], True, True),
        (["all-team-models"], ALL_NEW, [*ALL_NEW, "openai/*"], True, True),
        (["*"], [], ["*"], True, True),
        (["qwen*"], [], ["qwen*"], True, False),
        (["openai/*"], [], ["openai/*"], False, False),
        (["fast-models"], ["qwen3-30b"], ["qwen3-30b"], True, False),
        (["no-default-models"], [], ["no-default-models"], False, False),
        (["no-such-model", "qwen3-30b"], ["no-such-model", "qwen3-30b"], None, True, False),
    ],
)
def test_scope(admin, proxy, connect, version, models, listed, listed_old, qwen, gemma):
    make(admin, models=models)
    node = connect(proxy, KEY)
    expected = listed_old if version == OLD and listed_old is not None else listed
    plain = [n for n in names(node) if not n.startswith("openai/") or n == "openai/*"]
    assert plain == expected
    if models == ["openai/*"]:
        assert "openai/gpt-4o" in names(node)
    denial = 401 if version == OLD else 403
    assert say(node).status_code == (200 if qwen else denial)
    assert say(node, "gemma3-27b").status_code == (200 if gemma else denial)


def test_denial_texts(admin, proxy, connect, version):
    make(admin, models=["qwen3-30b"])
    node = connect(proxy, KEY)
    for model in ("gemma3-27b", "no-such-model"):
        answer = say(node, model)
        assert kind(answer) == "key_model_access_denied"
        if version == OLD:
            assert answer.status_code == 401
            assert answer.json()["error"]["message"].startswith("key not allowed to access model. This key can")
        else:
            assert answer.status_code == 403
            assert answer.json()["error"]["message"].startswith(f"The requested model '{model}' is not avail")
    assert (say(admin, "no-such-model").status_code) == 400


def test_a_team_denies_and_the_list_does_not_tell(admin, proxy, connect, version):
    team = admin.post("/team/new", json={"team_alias": "t", "models": ["gemma3-27b"]}).json()["team_id"]
    make(admin, models=["qwen3-30b", "gemma3-27b"], team_id=team)
    node = connect(proxy, KEY)
    assert names(node) == ["qwen3-30b", "gemma3-27b"]
    denied = say(node)
    assert (denied.status_code, kind(denied)) == (401 if version == OLD else 403, "team_model_access_denied")
    assert say(node, "gemma3-27b").status_code == 200


def test_a_key_joins_only_a_team_that_has_its_models(admin, proxy, connect, version, clock):
    team = admin.post("/team/new", json={"team_alias": "t", "models": ["qwen3-30b"]}).json()["team_id"]
    token = make(admin, models=["qwen3-30b", "gemma3-27b"])
    denied = admin.post("/key/update", json={"key": token, "team_id": team})
    assert (denied.status_code, kind(denied)) == (401 if version == OLD else 403, "team_model_access_denied")
    both = {"team_id": team, "models": ["qwen3-30b", "gemma3-27b"]}
    assert admin.post("/team/update", json=both).json()["data"]["models"] == both["models"]
    assert admin.post("/key/update", json={"key": token, "team_id": team}).status_code == 200
    assert admin.post("/team/update", json={**both, "models": ["qwen3-30b"]}).status_code == 200
    node = connect(proxy, KEY)
    assert names(node) == ["qwen3-30b", "gemma3-27b"]
    assert kind(say(node, "gemma3-27b")) == "team_model_access_denied"
    assert admin.post("/key/update", json={"key": token, "models": ["all-team-models"]}).status_code == 200
    assert names(node) == ["qwen3-30b"]
    assert kind(say(node, "gemma3-27b")) == "team_model_access_denied"
    assert admin.post("/key/update", json={"key": token, "team_id": "nope"}).status_code == 404
    assert admin.post("/team/delete", json={"team_ids": [team]}).json() == {"deleted_teams": [team]}
    assert admin.post("/team/delete", json={"team_ids": [team]}).status_code == 404
    assert admin.post("/team/update", json=both).status_code == 404
    # its keys go with it; 1.82.0 remembers them for as long as any key
    assert node.get("/v1/models").status_code == (200 if version == OLD else 401)
    clock.now += 61
    assert node.get("/v1/models").status_code == 401


def test_expired(admin, proxy, connect, clock, version):
    make(admin, duration="30s")
    node = connect(proxy, KEY)
    assert say(node).status_code == 200
    clock.now += 31
    for answer in (say(node), node.get("/v1/models")):
        assert (answer.status_code, kind(answer)) == (400 if version == OLD else 401, "expired_key")
    admin.post("/key/update", json={"key": KEY, "duration": "-1"})
    assert say(node).status_code == 200


def test_over_budget(admin, proxy, connect, version):
    make(admin, max_budget=0.0)
    node = connect(proxy, KEY)
    listing = node.get("/v1/models")
    assert (listing.status_code, kind(listing)) == (400 if version == OLD else 422, "budget_exceeded")
    assert say(node).status_code == (200 if version == OLD else 422)  # 1.82.0: a free model costs nothing


def test_rate_limits(admin, proxy, connect, clock):
    make(admin, rpm_limit=1)
    node = connect(proxy, KEY)
    assert [say(node).status_code for _ in range(2)] == [200, 429]
    clock.now += 60
    assert say(node).status_code == 200
    admin.post("/key/update", json={"key": KEY, "rpm_limit": None, "model_rpm_limit": {"gemma3-27b": 1}})
    answers = [say(node, "gemma3-27b") for _ in range(2)]
    assert [a.status_code for a in answers] == [200, 429]
    assert "model_per_key" in answers[1].text
    assert say(node).status_code == 200


def test_mere_use_moves_updated_at_and_spend(admin, proxy, connect, clock):
    make(admin)
    before = info(admin, KEY)
    clock.now += 5
    say(connect(proxy, KEY))
    assert info(admin, KEY) == before  # it is written with others, some seconds later
    clock.now += BATCH
    after = info(admin, KEY)
    assert after["updated_at"] > before["updated_at"]
    assert after.get("last_active") in (None, after["updated_at"])  # the older version has none
    assert after["spend"] > before["spend"]
    assert after.get("settings_updated_at") is None


# -- who is calling


@pytest.mark.parametrize(
    ("headers", "kind_"),
    [
        ({}, "auth_error"),
        ({"Authorization": MASTER_KEY}, "auth_error"),
        ({"Authorization": "Bearer hello"}, "auth_error"),
        ({"Authorization": "Bearer sk-unknown-0123456789"}, "token_not_found_in_db"),
    ],
)
@pytest.mark.parametrize("path", ["/key/list", "/v1/models"])
def test_bad_credentials(proxy, path, headers, kind_):
    answer = httpx.get(proxy.url + path, headers=headers, verify=False)
    assert (answer.status_code, kind(answer), answer.json()["error"]["code"]) == (401, kind_, "401")


def test_x_api_key(proxy):
    assert httpx.get(f"{proxy.url}/key/list", headers={"x-api-key": MASTER_KEY}).status_code == 200


def test_a_virtual_key_manages_nothing(admin, proxy, connect):
    make(admin)
    node = connect(proxy, KEY)
    for path in ("/key/generate", "/key/update", "/key/delete", "/key/block", "/team/new"):
        assert (node.post(path, json={}).status_code, kind(node.post(path, json={}))) == (401, "auth_error")
    assert node.get("/key/list").status_code == 403
    parameters = {"model_name": "x", "litellm_params": {"model": "openai/x"}}
    assert node.post("/model/new", json=parameters).status_code == 403
    assert node.get("/model/info").status_code == 200


def test_a_key_for_llm_routes_only(admin, proxy, connect, version):
    make(admin, key_type="llm_api")
    node = connect(proxy, KEY)
    refused = node.get("/key/info")
    assert (refused.status_code, "detail" in refused.json()) == (403, True)
    assert node.get("/v1/models").status_code == 200
    assert node.get("/model/info").status_code == (403 if version == OLD else 200)


# -- database and health


def test_health_and_database_states(admin, proxy, connect, version):
    make(admin)
    node, fresh = connect(proxy, KEY), connect(proxy, OTHER)
    ready = httpx.get(f"{proxy.url}/health/readiness", verify=False)
    assert (ready.status_code, ready.json()["db"]) == (200, "connected")
    assert ("litellm_version" in ready.json()) == (version == OLD)
    say(node)
    proxy.database_state = "disconnected"
    assert httpx.get(f"{proxy.url}/health/readiness", verify=False).status_code == 503
    assert httpx.get(f"{proxy.url}/health/liveliness", verify=False).json() == "I'm alive!"
    for answer in (admin.get("/key/list"), admin.post("/key/update", json={"key": KEY})):
        assert answer.status_code == 500
        assert "Can't reach database server" in answer.text
    assert say(node).status_code == 200  # from the cache
    assert (say(fresh).status_code, kind(say(fresh))) == (503, "no_db_connection")
    proxy.database_state = "connected"
    assert admin.get("/key/list").status_code == 200
    proxy.database_state = "none"
    assert httpx.get(f"{proxy.url}/health/readiness", verify=False).json()["db"] == "Not connected"
    assert admin.post("/key/generate", json={}).status_code == 500
    assert say(fresh).status_code == 400


# -- replicas


def test_another_replica_goes_on_with_its_cached_row(start, connect, clock):
    shared = Database()
    a, b = (start(shared, clock=clock) for _ in range(2))
    admin_a, admin_b = connect(a, MASTER_KEY), connect(b, MASTER_KEY)
    make(admin_a, models=["qwen3-30b"])
    node_a, node_b = connect(a, KEY), connect(b, KEY)
    assert say(node_b, "gemma3-27b").status_code == 403  # and now B has cached the row
    clock.now += 10
    admin_a.post("/key/update", json={"key": KEY, "models": ["gemma3-27b"]})
    assert say(node_a, "gemma3-27b").status_code == 200
    assert info(admin_b, KEY)["models"] == ["gemma3-27b"]
    clock.now += 49
    assert say(node_b, "gemma3-27b").status_code == 403
    assert names(node_b) == ["qwen3-30b"]
    clock.now += 1
    assert say(node_b, "gemma3-27b").status_code == 200
    admin_a.post("/key/delete", json={"keys": [KEY]})
    assert say(node_a, "gemma3-27b").status_code == 401
    assert say(node_b, "gemma3-27b").status_code == 200
    clock.now += 60
    assert say(node_b, "gemma3-27b").status_code == 401


def test_traffic_may_keep_a_stale_row_alive(start, connect, clock):
    shared = Database()
    a, b = (start(shared, clock=clock, traffic_renews_cache=True) for _ in range(2))
    admin = connect(a, MASTER_KEY)
    make(admin, models=["qwen3-30b"])
    node = connect(b, KEY)
    say(node)
    admin.post("/key/update", json={"key": KEY, "models": ["gemma3-27b"]})
    for _ in range(10):
        clock.now += 30
        assert say(node).status_code == 200
    assert say(node, "gemma3-27b").status_code == 403


# -- models


def test_model_info_shows_the_route_and_no_secret(admin):
    row = admin.get("/model/info").json()["data"][0]
    assert row["model_name"] == "qwen3-30b"
    assert (row["litellm_params"]["num_ctx"], row["litellm_params"]["model"]) == (
        8192,
        "ollama_chat/qwen3:30b",
    )
    assert "api_key" not in row["litellm_params"]
    assert (row["model_info"]["id"], row["model_info"]["db_model"]) == ("dep-qwen", False)
    assert sum(value is None for value in row["model_info"].values()) > 40


def test_new_model(start, connect, clock, version):
    shared = Database()
    a, b = (start(shared, clock=clock, version=version, store_models=True) for _ in range(2))
    admin, other = connect(a, MASTER_KEY), connect(b, MASTER_KEY)
    parameters = {"model": "ollama_chat/qwen3:32b", "api_base": "http://127.0.0.1:9", "num_ctx": 32768}
    body = {"model_name": "new", "litellm_params": parameters, "model_info": {"id": "mine", "fleethub": 1}}
    answer = admin.post("/model/new", json=body).json()
    assert (answer["model_id"], answer["litellm_params"]["num_ctx"]) == ("mine", 32768)
    assert answer["litellm_params"]["model"] != parameters["model"]  # encrypted
    assert answer["model_info"]["db_model"] is False
    assert "new" in names(admin)
    assert "new" not in names(other)
    assert admin.post("/model/new", json=body).status_code == 500
    shown = {row["model_name"]: row for row in admin.get("/v1/model/info").json()["data"]}["new"]
    assert {name: shown["litellm_params"][name] for name in parameters} == parameters
    assert (shown["model_info"]["db_model"], shown["model_info"]["fleethub"]) == (True, 1)
    clock.now += 2
    assert say(other, "new").status_code == 200
    assert admin.post("/model/delete", json={"id": "mine"}).status_code == 200
    assert "new" not in names(admin)
    assert "new" in names(other)
    clock.now += 2
    assert "new" not in names(other)
    assert admin.post("/model/delete", json={"id": "mine"}).status_code == 400
    assert admin.post("/model/delete", json={"id": "dep-qwen"}).status_code == 400
    assert admin.post("/model/new", json={"model_name": "x"}).status_code == 500


def test_new_model_needs_the_setting(start, connect):
    admin = connect(start(), MASTER_KEY)
    answer = admin.post("/model/new", json={"model_name": "x", "litellm_params": {"model": "openai/x"}})
    assert answer.status_code == 500
    assert "STORE_MODEL_IN_DB" in answer.text


# -- the server under it


def test_records_writes_without_secrets(admin, proxy):
    make(admin)
    admin.get("/key/info", params={"key": KEY})
    assert [(r.method, r.path, r.status) for r in proxy.writes] == [("POST", "/key/generate", 200)]
    assert "sk-" not in repr(proxy.requests)
    assert admin.get("/nowhere").status_code == 404
    assert admin.get("/key/generate").status_code == 405


def test_hooks(admin, proxy):
    def refuse(record):
        raise RuntimeError(record.path)

    proxy.before = refuse
    with pytest.raises(httpx.RemoteProtocolError):
        admin.get("/key/list")
    proxy.before = None
    proxy.mangle = lambda path, body: body[: len(body) // 2]
    with pytest.raises(ValueError, match=r"delimiter|Expecting|Unterminated"):
        admin.get("/key/list").json()
    proxy.mangle = None
    assert admin.get("/key/list").status_code == 200


def test_stop_cuts_open_connections(admin, proxy):
    assert admin.get("/key/list").status_code == 200
    proxy.stop()
    with pytest.raises(httpx.TransportError):
        admin.get("/key/list")


def test_what_was_called_is_told_by_day_and_key_with_the_next_batch(proxy, admin, clock) -> None:
    admin.post("/key/generate", json={"key": KEY, "key_alias": "node-a", "models": ["gemma3-27b"]})
    ask = {"messages": [{"role": "user", "content": "hi"}]}
    bearer = {"Authorization": f"Bearer {KEY}"}
    assert admin.post("/v1/chat/completions", json={"model": "gemma3-27b", **ask}).status_code == 200
    assert (
        httpx.post(f"{proxy.url}/v1/chat/completions", json={"model": "gone", **ask}, headers=bearer).status_code > 400
    )
    dates = {"start_date": "2000-01-01", "end_date": "2100-01-01"}
    assert admin.get("/user/daily/activity", params=dates).json()["results"] == []
    clock.now += BATCH + 1
    told = admin.get("/user/daily/activity", params=dates).json()
    (day,) = told["results"]
    counts = {name: used["metrics"] for name, used in day["breakdown"]["api_keys"].items()}
    master = token_of(MASTER_KEY) if proxy.replica.old else "litellm_proxy_master_key"
    assert {name: (c["successful_requests"], c["failed_requests"]) for name, c in counts.items()} == {
        master: (1, 0),
        token_of(KEY): (0, 1),
    }
    assert told["metadata"]["total_api_requests"] == 2
    assert admin.get("/user/daily/activity").status_code == 400
    assert httpx.get(f"{proxy.url}/user/daily/activity", params=dates, headers=bearer).status_code == 403
