// node gpu.mjs MODEL CONTEXT SEQUENCES BATCH FLASH: one load on llama.cpp's Vulkan backend; its own log on stdout.
import {getLlama, LlamaLogLevel} from "node-llama-cpp";

const [path, context, sequences, batch, flash] = process.argv.slice(2);
const log = (level, message) => process.stdout.write(message + "\n");
const llama = await getLlama({gpu: "vulkan", build: "never", logLevel: LlamaLogLevel.debug, logger: log, vramPadding: 0});
const model = await llama.loadModel({modelPath: path, gpuLayers: "max", ignoreMemorySafetyChecks: true});
const one = await model.createContext({
    contextSize: Number(context), sequences: Number(sequences), batchSize: Number(batch),
    flashAttention: flash === "on", ignoreMemorySafetyChecks: true,
});
await one.dispose();
await llama.dispose();  // the log comes through it, a little later than what it tells
process.exit(0);
