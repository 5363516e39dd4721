#!/usr/bin/env bash
# llama.cpp 0.5.0 (node-llama-cpp 3.22.1): a second GPU does not halve the memory that a load computes in, it more than
# quadruples the sum, and most of that is the attention mask.
#
# As soon as a model lies on two devices the scheduler runs as a pipeline and says "sched copies = 4". Each device then
# keeps four copies of what goes into the graph beside the one in use, and at a long context that input is the mask: 2
# bytes for every cell of the context and token of the batch. Who halves the figure of one GPU, or counts the mask once,
# is short by hundreds of MiB on each card. No option of a load shows it; only the log does.
#
# A model of Qwen3-8B's widths (8 layers of zeros), a context of 32,768, a batch of 512, flash attention on: the mask is
# 32 MiB. Debian's Mesa stands for the GPU, once and twice.
#
# Seen (compute buffer of each device, MiB; the log's copies):
#   one device:  120 | sched copies = 1
#   two devices: 248 248 | sched copies = 4
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check gguf==0.19.0 numpy
npm init -y >/dev/null
npm install --omit=optional --ignore-scripts --no-audit --no-fund --silent \
  node-llama-cpp@3.22.1 @node-llama-cpp/linux-x64-vulkan@3.22.1
driver=/usr/share/vulkan/icd.d/lvp_icd.x86_64.json
[ -f "$driver" ] || { echo "needs Debian's mesa-vulkan-drivers: apt-get install mesa-vulkan-drivers" >&2; exit 2; }

cat >make.py <<'PY'
import gguf
import numpy as np

LAYERS, WIDTH, FF, HEADS, KV, HEAD, WORDS = 8, 4096, 12288, 32, 8, 128, 32000
out = gguf.GGUFWriter("model.gguf", "qwen3")
out.add_block_count(LAYERS)
out.add_context_length(262144)
out.add_embedding_length(WIDTH)
out.add_feed_forward_length(FF)
out.add_head_count(HEADS)
out.add_head_count_kv(KV)
out.add_key_length(HEAD)
out.add_value_length(HEAD)
out.add_layer_norm_rms_eps(1e-6)
out.add_rope_freq_base(1e6)
out.add_tokenizer_model("llama")
out.add_token_list(["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256)), *(f"w{i}" for i in range(WORDS - 259))])
out.add_token_scores([0.0] * WORDS)
out.add_token_types([1] * WORDS)


def plain(name, size):
    out.add_tensor(name, np.zeros(size, dtype=np.float32))


def packed(name, rows, columns):  # 32 weights in 18 bytes
    out.add_tensor(name, np.zeros((rows, columns // 32 * 18), dtype=np.uint8), raw_dtype=gguf.GGMLQuantizationType.Q4_0)


packed("token_embd.weight", WORDS, WIDTH)
plain("output_norm.weight", WIDTH)
packed("output.weight", WORDS, WIDTH)
for n in range(LAYERS):
    for name, size in (("attn_norm", WIDTH), ("attn_q_norm", HEAD), ("attn_k_norm", HEAD), ("ffn_norm", WIDTH)):
        plain(f"blk.{n}.{name}.weight", size)
    for name, rows, columns in (
        ("attn_q", HEADS * HEAD, WIDTH), ("attn_k", KV * HEAD, WIDTH), ("attn_v", KV * HEAD, WIDTH),
        ("attn_output", WIDTH, HEADS * HEAD), ("ffn_gate", FF, WIDTH), ("ffn_up", FF, WIDTH), ("ffn_down", WIDTH, FF),
    ):
        packed(f"blk.{n}.{name}.weight", rows, columns)
out.write_header_to_file()
out.write_kv_data_to_file()
out.write_tensors_to_file()
out.close()
PY
venv/bin/python make.py

cat >load.mjs <<'JS'
import {getLlama, LlamaLogLevel} from "node-llama-cpp";
const llama = await getLlama({
    gpu: "vulkan", build: "never", logLevel: LlamaLogLevel.debug, logger: (level, text) => console.log(text), vramPadding: 0
});
const model = await llama.loadModel({modelPath: "model.gguf", gpuLayers: "max", ignoreMemorySafetyChecks: true});
const context = await model.createContext({
    contextSize: 32768, batchSize: 512, flashAttention: true, ignoreMemorySafetyChecks: true
});
await context.dispose();
await llama.dispose();
process.exit(0);
JS
seen() {
  GGML_VK_VISIBLE_DEVICES=$1 VK_DRIVER_FILES=$driver node load.mjs >log
  sizes=$(sed -n 's/.*sched_reserve: *\(Vulkan[0-9]\) compute buffer size = *\([0-9]*\)\..*/\1 \2/p' log |
    awk '{ last[$1] = $2 } END { for (device in last) print device, last[device] }' | sort | cut -d' ' -f2 | xargs)
  echo "$sizes | $(grep -o 'sched copies = [0-9]' log | tail -1)"
}
{
  echo "one device:  $(seen 0)"
  echo "two devices: $(seen 0,0)"
} >result
cat result
diff result - <<'SEEN'
one device:  120 | sched copies = 1
two devices: 248 248 | sched copies = 4
SEEN
