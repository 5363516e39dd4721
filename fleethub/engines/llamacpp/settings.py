"""llama-server's settings that decide about memory, in the words of its command line, and that line itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, ClassVar

from fleethub.engines.interface import SpecKey
from fleethub.model.dataclass import dataclass
from fleethub.model.serving import EngineSettings
from fleethub.sizing.quant import KV_BYTES

MIB = 1 << 20
#: Slots when nobody says how many: they then share one cache (since b7000 of November 2025; one slot before).
AUTOMATIC = 4
#: Models that a router keeps loaded when nobody says how many.
ROUTED = 4
ALL = 999
#: What a reading tells under a model's name is the options of its process, with this between them; and what is loaded.
BETWEEN, LOADED = "\x1f", "loaded models"
#: Before a model's name, which may be that of something that the server tells of itself (n_ctx).
OF_MODEL = "model\x1f"


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaCppSettings(EngineSettings):
    """A llama-server, or a router of several, and its command line, as far as it decides about memory.

    ``ctx_size``: of all slots together; 0: the model's own. ``parallel`` 0: automatic. ``kv_unified`` None: where
    ``parallel`` is automatic. ``gpu_layers`` -1: as many as fit. ``fit_target``: bytes kept free on each GPU.
    Of a command line that was read: ``adds`` are its options that load more than the model, ``splits`` those by which
    it does not lie over all GPUs; how much, or where, is not reckoned.
    """

    engine: ClassVar[str] = "llamacpp"
    title: ClassVar[str] = "llama.cpp"
    api: ClassVar[str] = "openai-completions"
    path: ClassVar[str] = "/v1"
    model: str = ""
    ctx_size: int = 0
    parallel: int = 0
    kv_unified: bool | None = None
    gpu_layers: int = -1
    cache_type_k: str = "f16"
    cache_type_v: str = "f16"
    flash_attn: bool | None = None
    ubatch_size: int = 512
    swa_full: bool = False
    fit: bool = True
    fit_target: int = 1 << 30
    router: bool = False
    models_max: int = ROUTED
    adds: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()

    @property
    def slots(self) -> int:
        """Requests at a time."""
        return self.parallel or AUTOMATIC

    @property
    def unified(self) -> bool:
        """Whether all slots share one cache, each up to the whole of it."""
        return self.kv_unified if self.kv_unified is not None else not self.parallel


KEYS = (
    SpecKey("model", "text", "The one name it serves (--alias); default: what it says"),
    SpecKey("ctx_size", "whole", "--ctx-size (-c): tokens of all slots together; 0: the model's", 0, most=1 << 30),
    SpecKey("parallel", "whole", "--parallel (-np): slots; 0: automatic, 4 that share one cache", 0, most=1024),
    SpecKey("kv_unified", "flag", "--kv-unified: one cache for all slots; not written: where parallel is automatic"),
    SpecKey(
        *("gpu_layers", "whole", "--n-gpu-layers (-ngl): layers on the GPUs, 999 all; -1: as many as fit", -1),
        least=-1,
        most=ALL,
    ),
    SpecKey(*("cache_type_k", "choice", "--cache-type-k", "f16"), choices=tuple(KV_BYTES)),
    SpecKey(
        *("cache_type_v", "choice", "--cache-type-v: a quantised one needs flash attention", "f16"),
        choices=tuple(KV_BYTES),
    ),
    SpecKey("flash_attn", "flag", "--flash-attn; not written: automatic"),
    SpecKey("ubatch_size", "whole", "--ubatch-size (-ub) in tokens", 512, least=1, most=1 << 20),
    SpecKey("swa_full", "flag", "--swa-full: layers with a window keep a cache of the whole context", False),
    SpecKey("fit", "flag", "--fit: what is not written is made to fit, layers go to the CPU", True),
    SpecKey("fit_target", "size", '--fit-target: kept free on each GPU, like "1 GiB" (default)'),
    SpecKey("router", "flag", "A router: no --model, but --models-dir or --models-preset", False),
    SpecKey("models_max", "whole", "--models-max: how many a router keeps loaded; 0: without limit", ROUTED, most=1024),
)


def declared(settings: EngineSettings | None) -> LlamaCppSettings:
    """A backend's settings as llama.cpp's; the defaults where it has none."""
    return settings if isinstance(settings, LlamaCppSettings) else LlamaCppSettings(url="")


def _on(text: str) -> bool | None:
    return {"on": True, "1": True, "true": True, "": True, "off": False, "0": False, "false": False}.get(text)


def _whole(text: str) -> int | None:
    value = text.removeprefix("-")
    return int(text) if value.isascii() and value.isdigit() and len(value) < 12 else None


def _layers(text: str) -> int | None:
    return {"auto": -1, "all": ALL}.get(text, _whole(text))


def _positive(text: str) -> int | None:
    value = _whole(text)
    return None if value is None else max(value, 0)


def _target(text: str) -> int | None:
    parts = [_whole(part) for part in text.split(",")]
    return max((part for part in parts if part is not None), default=0) * MIB if None not in parts else None


#: Option -> the field that it sets, and how its value is read (None: not understood).
OPTIONS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    **dict.fromkeys(("-c", "--ctx-size"), ("ctx_size", _positive)),
    **dict.fromkeys(("-np", "--parallel"), ("parallel", _positive)),
    **dict.fromkeys(("-kvu", "--kv-unified"), ("kv_unified", lambda _: True)),
    **dict.fromkeys(("-no-kvu", "--no-kv-unified"), ("kv_unified", lambda _: False)),
    **dict.fromkeys(("-ngl", "--gpu-layers", "--n-gpu-layers"), ("gpu_layers", _layers)),
    **dict.fromkeys(("-ctk", "--cache-type-k"), ("cache_type_k", str)),
    **dict.fromkeys(("-ctv", "--cache-type-v"), ("cache_type_v", str)),
    **dict.fromkeys(("-fa", "--flash-attn"), ("flash_attn", _on)),
    **dict.fromkeys(("-ub", "--ubatch-size"), ("ubatch_size", lambda text: _positive(text) or None)),
    "--swa-full": ("swa_full", lambda _: True),
    **dict.fromkeys(("-fit", "--fit"), ("fit", _on)),
    **dict.fromkeys(("-fitt", "--fit-target"), ("fit_target", _target)),
    "--models-max": ("models_max", _positive),
}
#: Variables that say the same; an option of the command line comes after them. Those of options without a value are
#: on or off.
ENVIRONMENT: Mapping[str, str] = {
    f"LLAMA_ARG_{name}": option
    for name, option in (
        *(("CTX_SIZE", "--ctx-size"), ("N_PARALLEL", "--parallel"), ("KV_UNIFIED", "--kv-unified")),
        *(("N_GPU_LAYERS", "--n-gpu-layers"), ("CACHE_TYPE_K", "--cache-type-k"), ("CACHE_TYPE_V", "--cache-type-v")),
        *(("FLASH_ATTN", "--flash-attn"), ("UBATCH", "--ubatch-size"), ("SWA_FULL", "--swa-full")),
        *(("FIT", "--fit"), ("FIT_TARGET", "--fit-target"), ("MODELS_MAX", "--models-max")),
        *(("MODELS_DIR", "--models-dir"), ("MODELS_PRESET", "--models-preset")),
        *(("MODEL", "--model"), ("HF_REPO", "--hf-repo"), ("MODEL_URL", "--model-url")),
        *(("MODEL_DRAFT", "--model-draft"), ("SPEC_DRAFT_MODEL", "--model-draft")),
        *(("MMPROJ", "--mmproj"), ("MMPROJ_URL", "--mmproj-url")),
        *(("SPLIT_MODE", "--split-mode"), ("DEVICE", "--device"), ("TENSOR_SPLIT", "--tensor-split")),
        ("PORT", "--port"),
    )
}
VARIABLES = tuple(ENVIRONMENT)
TRUE, FALSE = ("on", "enabled", "true", "1"), ("off", "disabled", "false", "0")
#: Options without a value.
BARE = ("-kvu", "--kv-unified", "-no-kvu", "--no-kv-unified", "--swa-full")
#: What makes a server a router, and what makes it serve one model.
ROUTER, ONE = ("--models-dir", "--models-preset"), ("-m", "--model", "-hf", "-hfr", "--hf-repo", "-mu", "--model-url")

#: What loads something beside the model: a draft, a projector.
ADDS = ("-md", "--model-draft", "-hfd", "--hf-repo-draft", "-mm", "--mmproj", "-mmu", "--mmproj-url")
#: What puts it on some of the GPUs, or not evenly on them.
SPLITS = (
    *("-sm", "--split-mode", "-dev", "--device", "-ts", "--tensor-split"),
    *("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES"),
)
EVENLY = (("-sm", "layer"), ("--split-mode", "layer"))


def by_command_line(settings: LlamaCppSettings, words: Sequence[tuple[str, str]]) -> LlamaCppSettings:
    """The settings of a process: of its options alone, the rest at llama.cpp's defaults. The last of a kind counts.

    What of it cannot be read (``?``) stays as declared.
    """
    plain = LlamaCppSettings(url=settings.url, model=settings.model)
    found: dict[str, Any] = {f.name: getattr(plain, f.name) for f in fields(plain)}
    for option, value in words:
        name, parse = OPTIONS.get(option, ("", str))
        if name:
            parsed = parse(value) if value != "?" else None
            found[name] = parsed if parsed is not None or name == "flash_attn" else getattr(settings, name)
    names = dict.fromkeys(option for option, _ in words)
    found["adds"] = tuple(name for name in names if name in ADDS)
    found["splits"] = tuple(dict.fromkeys(n for n, v in words if n in SPLITS and (n, v) not in EVENLY))
    found["router"] = not names.keys() & {*ONE} and bool(names.keys() & {*ROUTER})
    return replace(settings, **found)


def by_environment(variables: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """What a process's variables say, as options of its command line."""
    found = list[tuple[str, str]]()
    for name, value in variables:
        option = ENVIRONMENT.get(name, "")
        if option and option not in BARE:
            found.append((option, value))
        elif option and value in TRUE:
            found.append((option, ""))
        elif option == "--kv-unified" and value in FALSE:
            found.append(("--no-kv-unified", ""))
    return tuple(found)


def pairs(argv: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The options of a command line that decide about memory, with their values."""
    found, words = list[tuple[str, str]](), list(argv)
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if name not in OPTIONS and name not in (*ROUTER, *ONE, *ADDS, *SPLITS):
            continue
        if name in BARE:
            found.append((name, ""))
        elif equals:
            found.append((name, value))
        elif words:
            found.append((name, words.pop(0)))
    return tuple(found)
