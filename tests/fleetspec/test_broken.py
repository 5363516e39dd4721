"""Every code of the spec, with a small fleet that earns it and the whole message that it gets."""

import pytest

from fleethub.model.finding import CODES, Severity

NODE = '\n[nodes.other]\nhost = "other.example"\nrole = "worker"\n'
CLOUD = '\n[models.cloud]\nproxy = "main"\nroute = "openrouter/x"\ncontext = 100000\n'
OWNERS = """\
[keys.one]
owner = "TiLT Claw"
models = ["small"]
[keys.two]
owner = "tiltclaw"
models = ["small"]
"""
LONE = """
[backends.lone]
host = "lone.example"
[models.lone]
backends = ["lone"]
route = "ollama_chat/lone:1b"
context = 32768
"""

CASES: dict[str, tuple[str, dict]] = {
    # files
    "syntax": ("spec.syntax", {"text": '[fleet]\nname = "x\n'}),
    "syntax-end": ("spec.syntax", {"text": '[fleet]\nname = """x\n'}),
    "syntax-twice": ("spec.syntax", {"text": "[fleet]\n[fleet]\n"}),
    "syntax-number": ("spec.syntax", {"text": "x = " + "9" * 5000}),
    "syntax-number-of-16": ("spec.syntax", {"text": "# port\nx = 0x" + "f" * 5000}),
    "not-utf8": ("spec.syntax", {"text": b'[fleet]\nname = "\xff"\n'}),
    "bom": ("spec.syntax", {"text": b'\xef\xbb\xbf[fleet]\nname = "x"\n'}),
    "too-deep": ("spec.value", {"text": "a." * 99 + "a = 1"}),
    "too-deep-list": ("spec.value", {"text": "a = " + "[" * 2000 + "]" * 2000}),
    "too-large": ("spec.unreadable", {"text": "#" * ((1 << 20) + 1)}),
    "include-absent": ("spec.include", {"text": 'include = ["nodes/x.toml"]\n[fleet]\nname = "x"\n'}),
    "include-outside": ("spec.include", {"text": 'include = ["../*.toml"]\n[fleet]\nname = "x"\n'}),
    "include-pattern": ("spec.include", {"text": 'include = ["a**b/*.toml[", ""]\n[fleet]\nname = "x"\n'}),
    "include-stars": ("spec.include", {"text": 'include = ["a/**"]\n[fleet]\nname = "x"\n', "a__n_toml": "x"}),
    "include-folder": (
        "spec.unreadable",
        {"text": 'include = ["n"]\n[fleet]\nname = "x"\n', "n__a_toml": ""},
    ),
    "include-nested": (
        "spec.include",
        {"text": 'include = ["*.toml"]\n[fleet]\nname = "x"\n', "a_toml": 'include = ["b.toml"]\n[policy]\n'},
    ),
    "include-duplicate": (
        "spec.duplicate",
        {
            "text": 'include = ["*.toml"]\n[fleet]\nname = "x"\n[keys.k]\nrpm = 1\n',
            "a_toml": "\n[keys.k]\nrpm = 2\n",
        },
    ),
    "version": ("spec.version", {"text": '[fleet]\nname = 1\nrequired_version = ">=2"\nwrong = 1\n'}),
    # keys and values
    "unknown-key": ("spec.unknown-key", {"swap": [("proxy =", "proxi =")]}),
    "unknown-key-of-ours": (
        "spec.unknown-key",
        {"add": "[[check]]\nname = 'a'\nabout = 'node'\nfor = 'node'\nexpression = 'true'\nmessage = 'm'\n"},
    ),
    "no-for": ("spec.value", {"add": "[[check]]\nname = 'a'\nfor = 'nodes'\nexpression = 'true'\nmessage = 'm'\n"}),
    "date": ("spec.value", {"add": "[[accept]]\ncode = 'vram.unchecked'\nreason = 'r'\nuntil = '2027-03-31'\n"}),
    "unknown-table": ("spec.unknown-key", {"add": "[node.x]\n"}),
    "unknown-far": ("spec.unknown-key", {"swap": [("role =", "zzzzzz =")]}),
    "missing": ("spec.missing", {"swap": [('master_key = "env:MASTER"\n', "")]}),
    "missing-fleet": ("spec.missing", {"text": "[policy]\n"}),
    "missing-image": ("spec.missing", {"swap": [("image =", "project = 'x'\n#")]}),
    "missing-model": ("spec.missing", {"swap": [('model = "big"\n', "")]}),
    "missing-ways": ("spec.missing", {"add": '[models.x]\nroute = "a/b"\ncontext = 32768\n'}),
    "wrong-types": (
        "spec.value",
        {
            "add": 'port = "80"\nuid = 1.5\nprotected = "yes"\nowner = 3\nfallbacks = "x"\nenv = 1\n'
            "settle = 10\n"
            'manage = "half"\n[policy]\nreserve = "1 gib"\novercommit = true\n[keys.k]\nmax_budget = nan\n'
            'rpm = -1\nbudget_duration = "30 days"\n[keys.l]\nmodels = ["small", 3]\ngeneration = 0\n'
        },
    ),
    "wrong-tables": (
        "spec.value",
        {"text": 'nodes = 3\nkeys = [1]\nroles.x = 2\ndefaults = ""\n[fleet]\nname="x"\n'},
    ),
    "wrong-size": (
        "spec.value",
        {"add": '[backends.x]\nhost = "x y"\nssh = "-oProxyCommand=x"\ngpus = [{ name = "a", vram = 48 }, 3]\n'},
    ),
    "wrong-empty": (
        "spec.value",
        {
            "add": '[consumers.a]\nmodel = "small"\nprofile = {}\n[consumers.b]\nmodel = "small"\nprofile = 3\n'
            '[consumers.c]\nmodel = "small"\ncommand = []\n[consumers.d]\nmodel = "small"\nenv = { prefix = "a b" }\n'
        },
    ),
    "wrong-huge": ("spec.value", {"add": f"port = 0x{'f' * 2000}\nsettle = 1979-05-27\n"}),
    "wrong-url": (
        "spec.value",
        {"add": '[proxies.x]\nurl = "ftp://x"\nadmin_url = "http://"\nreplicas = ["http://h:99999", "x"]\n'},
    ),
    "wrong-version": ("spec.value", {"swap": [('"small"\n[p', '"small"\nrequired_version = "1.x.y"\n[p')]}),
    "wrong-reference": (
        "spec.value",
        {"swap": [('"env:MASTER"', '["env:A B", "file:", "command:echo \'x"]')], "add": "env = { A = [] }\n"},
    ),
    "wrong-files": (
        "spec.value",
        {"add": 'files = { compose = "../x", env = ".fleethub/env", openclaw = "/etc/x" }\nimage = "a b"\n'},
    ),
    "wrong-target": ("spec.value", {"add": 'target = "ssh://-oX@{host}/srv/$(id)"\n'}),
    "wrong-target-path": ("spec.value", {"add": 'target = "ssh://ops@{host}/srv/../etc"\n'}),
    "wrong-target-root": ("spec.value", {"add": 'target = "."\n'}),
    "wrong-json": (
        "spec.value",
        {"add": "openclaw = { a = nan, b = [1979-05-27], c = 99999999999999999999 }\n"},
    ),
    "name": ("spec.name", {"add": '[nodes."Bad Name"]\nhost = "x"\n[keys._]\n[proxies.main2.x]\n'}),
    "name-endpoint": ("spec.name", {"swap": [("{ tee =", "{ ollama =")]}),
    "name-case": (
        "spec.name-case",
        {"add": '[models.BIG]\nproxy = "main"\nroute = "a/b"\ncontext = 32768\n'},
    ),
    "name-several": (
        "spec.name",
        {"add": CLOUD.replace("models.cloud", 'models."a, b"') + CLOUD.replace("models.cloud", 'models."big "')},
    ),
    "owner-spelling": ("spec.owner-spelling", {"add": OWNERS}),
    "ca": ("spec.value", {"swap": [("master_key =", 'ca = "certs/ca.pem"\nmaster_key =')]}),
    "env-name": ("spec.value", {"add": 'env = { "a-b" = "env:X" }\n'}),
    # references between tables
    "no-model": ("spec.reference", {"swap": [('["small"]', '["smal", { model = "nothing" }]')]}),
    "no-role": ("spec.reference", {"swap": [('role = "worker"', 'role = "worke"')]}),
    "no-backend": ("spec.reference", {"swap": [('backends = ["gpu"]', 'backends = ["gpu", "gpv"]')]}),
    "no-proxy": ("spec.reference", {"swap": [('proxy = "main"', 'proxy = "mian"')]}),
    "no-endpoint": ("spec.reference", {"swap": [('["small"]', '[{ model = "small", via = "te" }]')]}),
    "no-ollama": (
        "spec.reference",
        {"add": LONE + '[roles.x]\nmodel = "lone"\nfallbacks = [{ model = "lone", via = "ollama" }]\n'},
    ),
    "via-elsewhere": ("spec.reference", {"swap": [('["small"]', '[{ model = "small", via = "gpx.tee" }]')]}),
    "via-cloud": ("spec.reference", {"add": 'fallbacks = [{ model = "cloud", via = "ollama" }]\n' + CLOUD}),
    "key-models": ("spec.reference", {"add": '[keys.k]\nmodels = ["bigg"]\nalso = ["nothing"]\n'}),
    "duplicate-backend": (
        "spec.duplicate",
        {"swap": [('["gpu"]\nroute = "ollama_chat/s', '["gpu", "gpu"]\nroute = "s')]},
    ),
    "duplicate-guide": ("spec.duplicate", {"add": 'files = { fleethub = "compose.yaml" }\n'}),
    "wrong-guide": ("spec.value", {"add": 'files = { fleethub = "../FLEETHUB.md" }\n'}),
    "duplicate-files": (
        "spec.duplicate",
        {"add": 'files = { compose = ".env", openclaw = "./compose.yaml/x" }\n'},
    ),
    # secrets
    "secret-reference": (
        "spec.literal-secret",
        {
            "swap": [
                ('"env:MASTER"', '"hunter2-canary"'),
                ('"small"\n[p', '"small"\nkey_seed = ["canary"]\n[p'),
            ]
        },
    ),
    "secret-env": (
        "spec.literal-secret",
        {"add": '[nodes.volta.env]\nA = "canary"\nB = { value = "fine" }\n'},
    ),
    "secret-url": ("spec.literal-secret", {"swap": [("http://llm", "http://me:canary@llm")]}),
    "secret-target": ("spec.literal-secret", {"add": 'target = "ssh://me:canary@{host}/srv"\n'}),
    "secret-anywhere": (
        "spec.literal-secret",
        {"add": 'owner = "sk-canary-0123456789abcdef"\nlabels = { "fhseed1_canary" = "x" }\n'},
    ),
    "secret-openclaw": (
        "spec.literal-secret",
        {"add": '[nodes.volta.openclaw.channels.telegram]\nbotToken = "canary"\nappToken = "${APP_TOKEN}"\n'},
    ),
    # nodes and models
    "placeholder": (
        "spec.placeholder",
        {"add": 'target = "out/{nmae}"\nfiles = { env = "{x}.env" }\nenv = { A = { value = "${B}" } }\n'},
    ),
    "check": (
        "spec.expression",
        {"add": "[[check]]\nname = 'a'\nfor = 'node'\nexpression = 'node.x'\nmessage = 'm'\n"},
    ),
    "chain-duplicate": (
        "chain.duplicate",
        {"swap": [('["small"]', '["small", { model = "big" }, "small"]')]},
    ),
    "chain-direct-duplicate": (
        "chain.duplicate",
        {
            "add": 'fallbacks = [{ model = "big", via = "ollama" }, "small", { model = "big", via = "tee" }, '
            '{ model = "big", via = "gpu.ollama" }]\n'
        },
    ),
    "chain-no-proxy": ("chain.no-proxy", {"add": 'model = "lone"\n' + LONE}),
    "key-no-proxy": ("chain.no-proxy", {"add": LONE + '[keys.k]\nalso = ["lone"]\n'}),
    "model-proxies": (
        "model.proxies",
        {
            "swap": [('backends = ["gpu"]\nroute = "ollama_chat/s', 'backends = ["gpu", "lone"]\nroute = "s')],
            "add": LONE,
        },
    ),
    "model-own-proxy": ("model.proxies", {"add": LONE.replace('["lone"]', '["lone"]\nproxy = "main"')}),
    "context-small": ("model.context-small", {"swap": [("32768\n[defaults", "8192\n[defaults")]}),
    "target-duplicate": (
        "target.duplicate",
        {"swap": [("/srv/{name}", "/srv/x"), ("{host}", "one")], "add": NODE},
    ),
    "target-outside": ("target.outside", {"add": 'target = "../{name}"\n'}),
    "target-absolute": ("target.outside", {"add": 'target = "/etc/{name}"\n'}),
    "port-duplicate": ("node.port-duplicate", {"add": NODE.replace("other.example", "Volta.example")}),
    "owned-env": ("node.owned-path", {"add": 'env = { FLEETHUB_KEY = "env:X", OPENCLAW_HOME = "env:Y" }\n'}),
    "owned-openclaw": (
        "node.owned-path",
        {
            "add": "[nodes.volta.openclaw]\ngateway.port = 1\ngateway.auth.mode = 'x'\n"
            "models.mode = 'merge'\n"
            "models.providers.fleethub-x = {}\nmodels.providers.mine.api = 'x'\n"
            "agents.defaults.models.a = 1\n"
            "agents.defaults.model = 'a/b'\nagents.defaults.workspace = '/w'\n"
        },
    ),
    "owned-above": ("node.owned-path", {"add": "openclaw = { models = 'x', agents = [], gateway = {} }\n"}),
    "owned-role": ("node.owned-path", {"add": NODE + "[roles.worker.openclaw.gateway]\nbind = 'lan'\n"}),
    "wiring-of-whole": ("spec.value", {"add": '[nodes.volta.wiring.llm]\nproxy = "main"\n'}),
    "wiring-nowhere": ("spec.value", {"add": 'manage = "wiring"\n[nodes.volta.wiring.llm]\nurl = "http://x/v1"\n'}),
    "wiring-no-proxy": ("spec.reference", {"add": 'manage = "wiring"\n[nodes.volta.wiring.llm]\nproxy = "mian"\n'}),
    "wiring-of-envfile": (
        "spec.unknown-key",
        {"add": 'type = "envfile"\nmanage = "wiring"\n[nodes.volta.wiring.llm]\nproxy = "main"\n'},
    ),
    "files-of-another-type": ("spec.unknown-key", {"add": 'type = "envfile"\nfiles = { compose = "c.yaml" }\n'}),
    "image-of-envfile": ("spec.unknown-key", {"add": 'type = "envfile"\nimage = "a/b:1"\n'}),
    "type-that-is-there": (
        "spec.duplicate",
        {"add": "", "templates__envfile__type_toml": '[files.env]\npath = ".env"\nformat = "dotenv"\n'},
    ),
    "key-models-of-node": ("key.models-of-node", {"add": '[keys.volta]\nmodels = ["big"]\n'}),
}


@pytest.mark.parametrize("case", CASES)
def test_broken(case, spec, snapshot):
    code, arguments = CASES[case]
    loaded = spec(**arguments)
    assert code in [f.code for f in loaded.findings]
    assert (loaded.fleet is None) == any(f.severity is Severity.ERROR for f in loaded.findings)
    lines = [f"{f.place} {f.code} {f.message}" + (f"\n    {f.hint}" if f.hint else "") for f in loaded.findings]
    assert all(f.place for f in loaded.findings)
    assert not any("canary" in line for line in lines)
    assert "\n".join(lines) == snapshot


def test_every_code_of_the_spec_has_a_case():
    mine = {c for c in CODES if c.startswith(("spec.", "chain.", "model.", "target."))}
    mine |= {"node.port-duplicate", "node.owned-path", "key.models-of-node"}
    mine -= {"spec.uncommitted"}  # seen in git
    mine -= {"model.remote", "model.no-disk", "model.disk-unknown", "model.digest-differs"}  # seen on a backend
    assert mine == {code for code, _ in CASES.values()}
