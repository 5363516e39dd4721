"""The stand-in's scheduler keeps each published rule, and its sizes are those of measured loads."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleethub.testing import catalog
from fleethub.testing.ollama import (
    COMPUTE,
    COPIES,
    GIB,
    MIB,
    OVERHEAD,
    Gpu,
    Scheduler,
    Settings,
    Truth,
    preflight,
    shape_of,
    true_size,
)

SHAPES = {model["name"]: shape_of(model) for model in (*catalog.ALL, catalog.PER_LAYER)}
QWEN32, QWEN8, LLAMA, OSS20, OSS120 = "qwen3:32b", "qwen3:8b", "llama3.1:8b", "gpt-oss:20b", "gpt-oss:120b"
MOE, CODER, GEMMA4, GEMMA27 = "qwen3:30b-a3b", "qwen3-coder:30b", "gemma3:4b", "gemma3:27b"
HYBRID, VISION, EMBED, LATENT = "qwen3.5:9b", "qwen3-vl:4b", "nomic-embed-text:latest", "deepseek-v2:16b"


def scheduler(*gpus, env=None, **more):
    return Scheduler(SHAPES.values(), gpus, env, **more)


def events(server, *kinds):
    return [tuple(event) for event in server.log if event.what in kinds]


def beside(first, second, share, context=8192, **more):
    """A server whose GPU leaves ``second`` exactly ``share`` of its file and cache beside the loaded ``first``."""
    taken = sum(scheduler(1000 * GIB, **more).request(first, context).taken.values())
    need = preflight(SHAPES[second], context, 512)  # a batch that does not fit is lowered: it evicts nobody
    server = scheduler(taken + int(need * share) + 1, **more)
    server.request(first, context)
    return server


# --- sizes against measured loads ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "weights", "kv", "state", "compute", "context", "batch", "new"),
    [
        (QWEN8, 4455.34, 1152, 0, 384.04, 8192, 2048, True),
        (MOE, 17524.42, 768, 0, 368.04, 8192, 2048, True),
        (CODER, 17524.42, 24576, 0, None, 262144, 2048, True),
        (HYBRID, None, 256, 50.25, 416.16, 8192, 2048, True),
        (GEMMA4, None, 334, 0, 517, 8192, 512, False),
        (GEMMA4, None, 2734, 0, None, 131072, 512, False),
        (VISION, 2375, 1152, 0, 301, 8192, 512, False),
        (LLAMA, None, 2048, 0, None, 16384, 1024, False),
    ],
)
def test_sizes_are_the_measured_ones(name, weights, kv, state, compute, context, batch, new):
    size = true_size(SHAPES[name], context, batch=batch, new=new)
    if weights is not None:
        assert size.weights / MIB == pytest.approx(weights, abs=1)
    assert size.kv / MIB == pytest.approx(kv, rel=0.001)
    assert size.state / MIB == state
    if compute is not None:
        assert COMPUTE[0] <= compute * MIB / (size.compute + size.tail) <= COMPUTE[1]


def test_a_hybrid_keeps_one_state_for_each_slot():
    four, one = (true_size(SHAPES[HYBRID], 8192 // n, n) for n in (4, 1))
    assert (four.kv, four.state / MIB) == (one.kv, 201)


def test_latent_attention_keeps_one_small_vector_per_token():
    assert true_size(SHAPES[LATENT], 32768).kv == 27 * 32768 * 576 * 2
    assert true_size(SHAPES[LATENT], 32768, kv_type="q8_0").kv == 27 * 32768 * 576 * 17 // 16


def test_a_window_is_kept_for_each_slot():
    size = true_size(SHAPES[OSS20], 32768, 2, batch=512)
    assert size.kv == 12 * 2 * 8 * 64 * 2 * (65536 + 2 * 768)


def test_the_spread_moves_compute_and_overhead_alone():
    low = true_size(SHAPES[QWEN8], 8192, truth=Truth(COMPUTE[0], OVERHEAD[0]))
    high = true_size(SHAPES[QWEN8], 8192, truth=Truth(COMPUTE[1], OVERHEAD[1]))
    assert (low.weights, low.kv) == (high.weights, high.kv)
    assert high.compute / low.compute == pytest.approx(1.4)
    assert high.taken - high.buffers == OVERHEAD[1]


# --- 1: the preflight ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "context", "mib"), [(QWEN8, 8192, 6712), (MOE, 8192, 18847), (CODER, 262144, 32031)])
def test_1_preflight_as_published(name, context, mib):
    assert round(preflight(SHAPES[name], context) / MIB) == mib


def test_1_preflight_knows_no_kv_type_no_window_and_no_projector():
    shape = SHAPES[VISION]
    assert preflight(shape, 4096) == shape.file + 2 * 36 * 8 * 80 * 4096 * 2
    assert shape.file < catalog.QWEN3_VL_4B["size"]
    quantised = beside(QWEN8, LLAMA, 1.2, env={"OLLAMA_KV_CACHE_TYPE": "q4_0"})
    assert quantised.request(LLAMA, 8192).evicted == (QWEN8,)
    hybrid = SHAPES[catalog.PER_LAYER["name"]]  # MIN(head_count_kv) is 0, which counts as 1
    cache = 2 * len(hybrid.layers) * hybrid.width * 4096 * 2 // hybrid.max_heads
    assert preflight(hybrid, 4096) == hybrid.file + cache


# --- 2: eviction --------------------------------------------------------------------------------------------


def test_2_a_preflight_above_four_fifths_of_what_is_free_evicts():
    fits, evicts = beside(QWEN8, LLAMA, 1.25), beside(QWEN8, LLAMA, 1.2499)
    assert fits.request(LLAMA, 8192).evicted == ()
    assert set(fits.residents) == {QWEN8, LLAMA}
    assert evicts.request(LLAMA, 8192).evicted == (QWEN8,)
    assert events(evicts, "evicted") == [("evicted", QWEN8, LLAMA)]


def test_2_what_other_processes_hold_is_not_free():
    server = beside(QWEN8, LLAMA, 1.3)
    server.gpus[0].foreign = GIB
    assert server.request(LLAMA, 8192).evicted == (QWEN8,)


def test_2_overhead_of_the_setting_evicts_nobody():
    """Since 0.30 it is only logged, and moves the automatic context."""
    for overhead in ("8G", str(GIB)):
        assert beside(QWEN8, LLAMA, 1.3, env={"OLLAMA_GPU_OVERHEAD": overhead}).request(LLAMA, 8192).evicted == ()


def test_2_alone_there_is_no_preflight():
    vram = 7400 * MIB
    assert preflight(SHAPES[QWEN8], 8192) > 0.9 * vram
    assert scheduler(vram).request(QWEN8, 8192).spilled == 0


def test_the_incident_two_large_models_evict_each_other_at_every_request():
    """Each fits beside the other in bytes; each request of either is a load of some ten seconds."""
    other = catalog.QWEN3_32B | {"name": "qwq:32b", "digest": "0" * 64}
    server = Scheduler([catalog.QWEN3_32B, other], [48 * GIB])
    calls = [server.request(name, 16384, keep_alive=-1) for name in (QWEN32, "qwq:32b") * 3]
    assert [call.what for call in calls] == ["loaded"] * 6
    there, back = ("evicted", QWEN32, "qwq:32b"), ("evicted", "qwq:32b", QWEN32)
    assert events(server, "evicted") == [there, back, there, back, there]
    assert 2 * true_size(SHAPES[QWEN32], 16384).taken + GIB < 48 * GIB
    less = Scheduler([catalog.QWEN3_32B, other], [48 * GIB])
    assert [less.request(name, 8192).what for name in (QWEN32, "qwq:32b") * 2] == ["loaded"] * 2 + ["kept"] * 2


# --- 3: which GPU -------------------------------------------------------------------------------------------


def test_3_one_gpu_that_has_the_room_else_all():
    server = scheduler(24 * GIB, 32 * GIB)
    assert server.request(QWEN8, 8192).gpus == (1,)
    assert server.request(LLAMA, 8192).gpus == (1,)
    assert server.request(OSS20, 8192).gpus == (0,)
    wide = scheduler(24 * GIB, 24 * GIB).request(QWEN32, 32768)
    assert wide.gpus == (0, 1)
    assert wide.spilled == 0
    assert all(taken > 10 * GIB for taken in wide.taken.values())


def test_3_each_gpu_pays_for_its_runtime_and_its_working_memory():
    wide = scheduler(24 * GIB, 24 * GIB, env={"OLLAMA_SCHED_SPREAD": "1"}).request(QWEN8, 8192)
    one = scheduler(48 * GIB).request(QWEN8, 8192)
    assert wide.gpus == (0, 1)
    size = true_size(SHAPES[QWEN8], 8192, batch=1024, gpus=2)
    assert sum(wide.taken.values()) == size.taken > sum(one.taken.values()) + size.overhead


def test_3_copies_of_the_mask_over_several_gpus():
    few, many = (true_size(SHAPES[QWEN8], 40960, gpus=2, truth=Truth(copies=n)).compute for n in COPIES)
    assert many - few == 4 * 2 * 2048 * 40960


# --- 4: the silent spill ------------------------------------------------------------------------------------


def test_4_what_does_not_fit_goes_to_the_cpu_without_an_error():
    need = true_size(SHAPES[QWEN8], 8192, batch=512).taken
    whole = scheduler(need + GIB).request(QWEN8, 8192)
    assert (whole.what, whole.spilled, whole.size) == ("loaded", 0, whole.size_vram)
    server = scheduler(need + GIB - 1)
    part = server.request(QWEN8, 8192)
    assert part.what == "loaded"
    assert 0 < part.spilled < 300 * MIB
    assert part.size_vram < part.size
    assert events(server, "spilled") == [("spilled", QWEN8, part.spilled)]
    assert server.really_free(0) >= GIB


def test_4_the_margin_holds_beside_another_model_too():
    """The preflight lets a long cache of wide heads through that the bytes do not allow."""
    server = scheduler(48 * GIB)
    server.request(QWEN8, 4096)
    part = server.request(CODER, 262144)
    assert part.evicted == ()
    assert part.spilled > 0


def test_4_a_projector_needs_its_own_bytes_and_the_margin():
    size = true_size(SHAPES[VISION], 8192, batch=1024)
    assert scheduler(size.taken + GIB).request(VISION, 8192).spilled == 0
    part = scheduler(size.taken + GIB - 1).request(VISION, 8192)
    assert 0 < part.spilled < size.projector  # a layer makes place for it
    tiny = scheduler(size.projector + GIB).request(VISION, 8192)
    assert tiny.spilled >= size.projector
    small = true_size(SHAPES[VISION], 8192, batch=512)
    close = scheduler(small.taken + 900 * MIB, env={"LLAMA_ARG_FIT_TARGET": "0"}).request(VISION, 8192)
    assert close.spilled == size.projector


def test_4_the_margin_can_be_set():
    need = true_size(SHAPES[QWEN8], 8192, batch=512).taken
    assert scheduler(need + 2 * GIB).request(QWEN8, 8192).spilled == 0
    assert scheduler(need + 2 * GIB, env={"LLAMA_ARG_FIT_TARGET": "3000"}).request(QWEN8, 8192).spilled > 0
    assert scheduler(need + 2 * GIB, env={"OLLAMA_GPU_OVERHEAD": str(2 * GIB)}).request(QWEN8, 8192).spilled == 0


def test_4_no_gpu_is_all_cpu():
    one = scheduler().request(QWEN8, 8192)
    assert (one.gpus, one.size_vram) == ((), 0)
    assert one.size > 5 * GIB


# --- 5: out of memory ---------------------------------------------------------------------------------------

NO_FIT = {"LLAMA_ARG_FIT": "off"}


def test_5_an_automatic_context_steps_down():
    server = scheduler(48 * GIB, env=NO_FIT)
    server.gpus[0].foreign = 20 * GIB
    one = server.request(CODER)
    assert (one.context, one.stepped) == (32768, (32768,))
    assert events(server, "stepped") == [("stepped", CODER, (262144, 32768))]
    assert server.request(CODER).what == "kept"


def test_5_a_given_context_evicts_all_others_and_is_tried_once_more():
    server = scheduler(48 * GIB, env=NO_FIT)
    server.request(EMBED)
    server.request(QWEN8, 4096)
    one = server.request(CODER, 262144)
    assert (one.what, set(one.evicted)) == ("loaded", {EMBED, QWEN8})
    tight = scheduler(40 * GIB, env=NO_FIT)
    assert tight.request(CODER, 262144).what == "failed"
    assert tight.residents == {}


# --- 6: the batch -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("context", "batch"), [(4096, 512), (4097, 1024), (32768, 1024), (32769, 2048)])
def test_6_batch_by_the_context_of_all_slots(context, batch):
    server = scheduler(96 * GIB)
    server.request(QWEN8, context)
    assert server.residents[QWEN8].batch == batch
    halves = scheduler(96 * GIB, env={"OLLAMA_NUM_PARALLEL": "2"})
    halves.request(QWEN8, (context + 1) // 2)
    assert halves.residents[QWEN8].batch in (batch, 1024 if context == 4097 else batch)


@pytest.mark.parametrize(
    ("context", "share", "batch"),
    [(8192, 0.80, 1024), (8192, 0.81, 512), (40960, 0.60, 2048), (40960, 0.61, 1024)],
)
def test_6_batch_is_lowered_where_there_is_little_room(context, share, batch):
    """2048: file and cache within 60 %; 1024: with its own 768 MiB within 80 %, which is stricter than 75 % here."""
    need = preflight(SHAPES[QWEN8], context, 1024 if context == 8192 else 512)
    server = scheduler(int(need / share) + 1)
    server.request(QWEN8, context)
    assert server.residents[QWEN8].batch == batch


@pytest.mark.parametrize(("vram", "context", "batch"), [(24, 8192, 512), (8, 8192, 256), (8, 4096, 512)])
def test_6_without_flash_attention_the_batch_is_small_and_the_cache_f16(vram, context, batch):
    server = scheduler(vram * GIB, env={"OLLAMA_FLASH_ATTENTION": "0", "OLLAMA_KV_CACHE_TYPE": "q8_0"})
    server.request(QWEN8, context)
    assert server.residents[QWEN8].batch == batch
    full = true_size(SHAPES[QWEN8], context, batch=batch, flash=False)
    assert full.kv == 2 * 36 * 8 * 128 * 2 * context
    assert full.compute >= 4 * batch * context * 32
    assert server.residents[QWEN8].spilled or server.residents[QWEN8].size == full.buffers


# --- 7: the victim ------------------------------------------------------------------------------------------


def loaded(server, *names, context=4096, keep_alive=-1):
    for name in names:
        server.request(name, context, keep_alive=keep_alive)
    assert set(server.residents) >= set(names)


def test_7_the_shortest_stay_goes_first_whatever_its_size():
    server = scheduler(32 * GIB)
    server.request(EMBED, keep_alive=-1)
    server.request(QWEN8, 4096, keep_alive="5m")
    server.request(OSS20, 4096, keep_alive="10m")
    assert server.request(QWEN32, 8192).evicted == (QWEN8, OSS20)
    assert set(server.residents) == {EMBED, QWEN32}


def test_7_forever_is_the_longest_but_no_pin():
    """Two models are to stay forever; a third load evicts one of them all the same."""
    server = scheduler(24 * GIB)
    loaded(server, QWEN8, LLAMA, keep_alive=-1)
    third = server.request(OSS20, 8192)
    assert len(third.evicted) == 1
    first = min((QWEN8, LLAMA), key=lambda name: SHAPES[name].path)
    assert third.evicted == (first,)


def test_7_negative_counts_as_longer_than_any_number():
    server = scheduler(24 * GIB)
    server.request(QWEN8, 4096, keep_alive="-1s")
    server.request(LLAMA, 4096, keep_alive="9000h")
    assert server.request(OSS20, 8192).evicted == (LLAMA,)


def test_7_an_idle_one_goes_before_one_in_use():
    server = scheduler(24 * GIB)
    server.request(QWEN8, 4096, keep_alive="1m", busy=True)
    server.request(LLAMA, 4096, keep_alive=-1)
    assert server.request(OSS20, 8192).evicted == (LLAMA,)


def test_7_all_in_use_the_request_waits_for_the_first_and_others_wait_behind():
    server = scheduler(24 * GIB)
    server.request(QWEN8, 4096, keep_alive="1m", busy=True)
    server.request(LLAMA, 4096, keep_alive="2m", busy=True)
    waits = server.request(OSS20, 8192)
    assert (waits.what, waits.waits_for) == ("queued", QWEN8)
    assert server.request(LLAMA, 4096).what == "queued"
    assert server.done(LLAMA) == []
    served = server.done(QWEN8)
    assert [(o.what, o.model, o.evicted) for o in served] == [("loaded", OSS20, (QWEN8,)), ("kept", LLAMA, ())]
    assert served[0].ticket == waits.ticket
    assert events(server, "evicted") == [("evicted", QWEN8, OSS20)]


def test_7_the_queue_is_bounded():
    server = scheduler(16 * GIB, env={"OLLAMA_MAX_QUEUE": "2"})
    server.request(OSS20, 8192, busy=True)
    what = [server.request(QWEN8, 8192).what for _ in range(3)]
    assert what == ["queued", "queued", "refused"]
    assert server.log[-1].what == "refused"


def test_7_whoever_gives_up_lets_the_others_pass():
    server = scheduler(16 * GIB)
    server.request(OSS20, 8192, busy=True)
    first, second = server.request(QWEN8, 8192), server.request(QWEN32, 4096)
    assert server.cancel(first.ticket) == []
    (served,) = server.done(OSS20)
    assert (served.ticket, served.what) == (second.ticket, "loaded")


# --- 8: reloads ---------------------------------------------------------------------------------------------


def test_8_another_context_loads_anew():
    server = scheduler(48 * GIB)
    what = [server.request(QWEN8, context).what for context in (8192, 8192, 16384)]
    assert what == ["loaded", "kept", "reloaded"]
    assert events(server, "reloaded") == [("reloaded", QWEN8, (8192, 16384))]


def test_8_two_consumers_with_contexts_of_their_own_thrash():
    server = scheduler(48 * GIB)
    what = [server.request(QWEN8, context).what for context in (8192, 32768) * 4]
    assert what == ["loaded"] + ["reloaded"] * 7
    assert events(server, "evicted") == []


def test_8_runner_options_load_anew_and_others_do_not():
    server = scheduler(48 * GIB)
    server.request(QWEN8, 8192)
    assert server.request(QWEN8, 8192, {"temperature": 0.1, "num_gpu": -1}).what == "kept"
    fewer = server.request(QWEN8, 8192, {"num_gpu": 10})
    assert (fewer.what, fewer.spilled > 3 * GIB) == ("reloaded", True)
    assert server.request(QWEN8, 8192, {"num_gpu": 10, "num_batch": 512}).what == "reloaded"


def test_8_a_reload_waits_until_the_model_is_idle():
    server = scheduler(48 * GIB)
    server.request(QWEN8, 8192, busy=True)
    assert server.request(QWEN8, 4096).what == "queued"
    (served,) = server.done(QWEN8)
    assert (served.what, served.context) == ("reloaded", 4096)
    assert events(server, "reloaded") == [("reloaded", QWEN8, (8192, 4096))]


def test_8_contexts_that_are_cut_to_the_same_are_the_same():
    server = scheduler(48 * GIB)
    assert [server.request(QWEN8, context).what for context in (None, 40960, 100_000)] == ["loaded", "kept", "kept"]


# --- context, parallel, count, stay -------------------------------------------------------------------------


@pytest.mark.parametrize(("gpus", "context"), [((22,), 4096), ((23,), 32768), ((24, 23), 262144), ((), 4096)])
def test_the_automatic_context_is_by_the_memory_of_all_gpus(gpus, context):
    assert scheduler(*(g * GIB for g in gpus)).context_of(CODER) == (context, True)


def test_whose_context_counts():
    server = scheduler(48 * GIB, env={"OLLAMA_CONTEXT_LENGTH": "16384"})
    assert server.context_of(QWEN8) == (16384, False)
    assert server.context_of(QWEN8, 4096) == (4096, False)
    named = Scheduler([catalog.QWEN3_8B | {"parameters": "num_ctx 1024"}], [48 * GIB], server.settings)
    assert named.context_of(QWEN8) == (1024, False)
    assert server.context_of(VISION, 512) == (2048, False)
    assert server.context_of(EMBED) == (2048, False)  # 8192 of its Modelfile, cut to what it can


@pytest.mark.parametrize(
    ("name", "slots"), [(QWEN8, 4), (GEMMA4, 4), (OSS20, 4), (VISION, 1), (HYBRID, 1), (EMBED, 1), ("hybrid:9b", 1)]
)
def test_some_architectures_have_one_slot_only(name, slots):
    server = scheduler(96 * GIB, env={"OLLAMA_NUM_PARALLEL": "4"})
    server.request(name, 8192)
    assert server.residents[name].parallel == slots


def test_so_many_models_and_no_more():
    server = scheduler(96 * GIB, env={"OLLAMA_MAX_LOADED_MODELS": "2"})
    loaded(server, QWEN8, LLAMA)
    assert len(server.request(EMBED).evicted) == 1
    three = scheduler(96 * GIB)
    assert three.max_loaded == 3
    loaded(three, QWEN8, LLAMA, EMBED)
    assert len(three.request(GEMMA4, 4096).evicted) == 1
    assert scheduler(GIB, GIB).max_loaded == 6


def test_a_stay_ends_and_a_request_prolongs_it(clock):
    server = scheduler(48 * GIB, clock=clock)
    server.request(QWEN8, 4096, keep_alive=60)
    clock.now += 59
    assert server.request(QWEN8, 4096).what == "kept"
    clock.now += 59
    assert server.request(QWEN8, 4096).what == "kept"
    clock.now += 61
    assert server.request(QWEN8, 4096, keep_alive=0).what == "loaded"
    server.sweep()
    assert server.residents == {}
    assert [e[0] for e in events(server, "expired")] == ["expired", "expired"]


def test_settings_as_the_server_reads_them():
    assert Settings.of({"OLLAMA_GPU_OVERHEAD": "8G", "OLLAMA_NUM_PARALLEL": "0"}) == Settings()
    read = Settings.of({"OLLAMA_KEEP_ALIVE": "-1", "OLLAMA_KV_CACHE_TYPE": "Q8_0", "OLLAMA_FLASH_ATTENTION": "false"})
    assert (read.keep_alive, read.kv_cache_type, read.flash_attention) == (float("inf"), "q8_0", False)
    assert Settings.of({"OLLAMA_KEEP_ALIVE": "soon", "OLLAMA_KV_CACHE_TYPE": "q3"}) == Settings()


# --- older eras ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "era"), [("0.12.11", "estimate"), ("0.13.0", "engine"), ("0.24.0", "engine")])
def test_an_older_server_has_no_rule_of_four_fifths(version, era):
    """A model whose bytes fit stays beside another one, though a current server would evict."""
    now = scheduler(48 * GIB)
    old = scheduler(48 * GIB, version=version)
    assert old.era == era
    for server in (now, old):
        server.request(QWEN32, 12288)
    assert old.request(GEMMA27, 12288).evicted == ()
    assert now.request(GEMMA27, 12288).evicted == (QWEN32,)
    assert old.residents[GEMMA27].spilled == 0


@pytest.mark.parametrize("version", ["0.12.0", "0.20.0"])
def test_an_older_server_evicts_before_it_spills_and_spills_alone(version):
    server = scheduler(20 * GIB, version=version)
    server.request(OSS20, 8192)
    assert server.request(QWEN8, 40960).evicted == (OSS20,)
    alone = server.request(QWEN32, 40960)
    assert alone.evicted == (QWEN8,)
    assert 0 < alone.size_vram < alone.size


def test_an_older_server_takes_the_fewest_gpus():
    server = scheduler(16 * GIB, 16 * GIB, 16 * GIB, version="0.20.0")
    assert server.request(QWEN8, 8192).gpus == (0,)
    assert server.request(QWEN32, 8192).gpus in ((1, 2), (0, 1), (0, 2))
    spread = scheduler(16 * GIB, 16 * GIB, env={"OLLAMA_SCHED_SPREAD": "1"}, version="0.20.0")
    assert spread.request(QWEN8, 8192).gpus == (0, 1)


def test_an_older_server_reserves_and_subtracts_the_setting():
    size = true_size(SHAPES[QWEN8], 8192, new=False)
    need = size.buffers + 457 * MIB
    assert scheduler(need + MIB, version="0.20.0").request(QWEN8, 8192).spilled == 0
    assert scheduler(need - MIB, version="0.20.0").request(QWEN8, 8192).spilled > 0
    held = {"OLLAMA_GPU_OVERHEAD": str(GIB)}
    assert scheduler(need + MIB, env=held, version="0.20.0").request(QWEN8, 8192).spilled > 0


def test_an_older_server_backs_off_when_the_runtime_takes_more_than_its_reserve():
    size = true_size(SHAPES[QWEN8], 8192, new=False)
    server = scheduler(size.buffers + 457 * MIB + 1, version="0.20.0", truth=Truth(1.0, OVERHEAD[1]))
    one = server.request(QWEN8, 8192)
    assert 0 < one.spilled < 1.5 * GIB
    assert server.really_free(0) >= 0


def test_up_to_0_12_ps_tells_the_estimate_not_the_truth():
    server = scheduler(48 * GIB, version="0.12.3")
    one = server.request(LLAMA, 8192)
    shape = SHAPES[LLAMA]
    graph = 4 * 512 * (1 + 4 * 4096 + 8192 * 33)
    assert one.size == shape.needs() + 32 * 8 * 128 * 2 * 2 * 8192 + graph
    assert one.size != sum(one.taken.values())


# --- laws ---------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(sorted(SHAPES))
REQUESTS = st.tuples(
    NAMES, st.sampled_from([None, 4096, 8192, 32768]), st.sampled_from([None, -1, 60, 0]), st.booleans()
)
TRUTHS = st.builds(
    Truth, st.floats(*COMPUTE), st.integers(*OVERHEAD), st.integers(*OVERHEAD), copies=st.integers(*COPIES)
)
GPUS = st.lists(
    st.builds(Gpu, st.sampled_from([8, 16, 24, 48, 80]).map(lambda g: g * GIB), st.sampled_from([0, GIB])), max_size=3
)


@settings(max_examples=2 * settings().max_examples)
@given(
    GPUS,
    TRUTHS,
    st.lists(REQUESTS, max_size=12),
    st.sampled_from(["0.12.1", "0.18.0", "0.32.1"]),
    st.sampled_from([{}, {"OLLAMA_NUM_PARALLEL": "3", "OLLAMA_KV_CACHE_TYPE": "q8_0"}, {"OLLAMA_SCHED_SPREAD": "1"}]),
)
def test_laws_of_any_order(gpus, truth, requests, version, env):
    """Memory is never used twice, and the log accounts for whoever came and went."""
    server = scheduler(*(replace(gpu) for gpu in gpus), env=env, version=version, truth=truth)
    uses, asks = [], {}
    for name, context, stay, busy in requests:
        one = server.request(name, context, keep_alive=stay, busy=busy)
        asks[one.ticket] = busy
        if busy and one.what in ("kept", "loaded", "reloaded"):
            uses.append(name)
        assert all(server.really_free(g) >= 0 for g in range(len(gpus)))
        assert len(server.residents) <= server.max_loaded
        for resident in server.residents.values():
            assert 0 <= resident.size_vram <= resident.size
            assert sum(resident.tracked.values()) == resident.size_vram
    gone = ("evicted", "reloaded", "expired", "unloaded")
    assert len(events(server, "loaded")) - len(events(server, *gone)) == len(server.residents)
    while uses:
        uses += [one.model for one in server.done(uses.pop(0)) if asks[one.ticket] and one.what != "failed"]
    assert server.queue == []
    assert all(not resident.uses for resident in server.residents.values())
