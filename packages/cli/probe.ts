import { enableCompileCache } from "node:module"
enableCompileCache()
let t = performance.now()
const lap = (n: string) => { const x = performance.now(); console.error(n, (x - t).toFixed(0)); t = x }
await import("./src/Main.ts"); lap("main")
await import("@fermata/engine/Engine"); lap("engine")
await import("@fermata/host-node/NodeHost"); lap("nodehost")
await import("@fermata/engine/Runs"); lap("runs")
await import("@fermata/engine/contract/Expression"); lap("expression")
await import("@fermata/engine/Contracts"); lap("contracts")
await import("./src/Start.ts"); lap("start")
