/** What it costs that a collector is told of runs: beside the same runs of which nobody is told, in the same breath. */
import * as Step from "@fermata/engine/Step"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { ConfigProvider, Effect, Layer, Logger, ManagedRuntime, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import type { Case } from "./cases.ts"
import { figure, time } from "./measure.ts"
import { raw, remove } from "./subject.ts"

const pad = "x".repeat(150)

/** A step of about 200 bytes, alone, and one whose code makes a span and logs a line. */
const plain = Step.make("plain", {
  input: { i: Schema.Int },
  success: Schema.String,
  onCrash: "rerun",
  run: ({ i }) => Effect.succeed(`${i} ${pad}`)
})
const speaking = Step.make("speaking", {
  input: { i: Schema.Int },
  success: Schema.String,
  onCrash: "rerun",
  run: ({ i }) =>
    Effect.withSpan(Effect.as(Effect.logWarning("a line", { i }), `${i} ${pad}`), "a span", { attributes: { i } })
})

const Steps = Workflow.make("steps", {
  payload: { id: Schema.String, n: Schema.Int, speaks: Schema.Boolean },
  success: Schema.Int,
  idempotencyKey: ({ id }) => id
})

const handlers = Steps.toLayer(Effect.fnUntraced(function*({ n, speaks }) {
  const step = speaks ? speaking : plain
  for (let i = 0; i < n; i++) yield* step({ i })
  return n
}))

type Environment = Readonly<Record<string, string>>

/** A host as the variables of its environment have it. What is logged goes to the collector alone. */
const host = (db: string, env: Environment) =>
  ManagedRuntime.make(
    handlers.pipe(
      Layer.provideMerge(NodeHost.layer({ db, synchronous: "NORMAL" })),
      Layer.provide(Layer.merge(ConfigProvider.layer(ConfigProvider.fromEnv({ env })), Logger.layer([])))
    )
  )

interface Cost {
  /** ms until the run is over. */
  readonly wall: number
  /** ms of processor time until the process has told all that it has to tell. */
  readonly processor: number
}

/** What a run of so many steps costs in a host of its own. */
const cost = async (db: string, env: Environment, n: number, speaks: boolean): Promise<Cost> => {
  remove(db)
  const runtime = host(db, env)
  await runtime.runPromise(Steps.execute({ id: "warm-up", n: 50, speaks }))
  const before = process.cpuUsage()
  const wall = await time(() => runtime.runPromise(Steps.execute({ id: "run", n, speaks })))
  await runtime.dispose()
  const { system, user } = process.cpuUsage(before)
  return { wall, processor: (user + system) / 1_000 }
}

/** A collector in a process of its own, so that what it does costs the others nothing but their share of the machine. */
const collector = async () => {
  const child: ChildProcess = fork(join(import.meta.dirname, "collector.ts"), {
    stdio: ["ignore", "ignore", "inherit", "ipc"]
  })
  const [{ url }] = await once(child, "message") as [{ readonly url: string }]
  return {
    url,
    /** Bytes that came since the last time. */
    told: async (): Promise<number> => {
      child.send("told")
      const [{ bytes }] = await once(child, "message") as [{ readonly bytes: number }]
      return bytes
    },
    close: () => child.kill()
  }
}

/** The least that a span takes on the wire. */
const leastBytes = 60

export const telemetry: Case = async ({ folder, rounds, scale }) => {
  const n = Math.ceil(2_000 * scale)
  const db = join(folder, "telemetry.db")
  const { close, told, url } = await collector()
  const all = { OTEL_EXPORTER_OTLP_ENDPOINT: url }
  const leftOut = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url, OTEL_TRACES_SAMPLER: "always_off" }
  const ratios: Record<"untold" | "plain" | "speaking" | "leftOut" | "plainAll" | "speakingAll", Array<number>> = {
    untold: [],
    plain: [],
    speaking: [],
    leftOut: [],
    plainAll: [],
    speakingAll: []
  }
  let bytes = 0
  let untoldMs = 0
  try {
    for (let round = 0; round <= rounds; round++) {
      const commit = raw(join(folder, "raw.db"), "NORMAL", n)
      for (const speaks of [false, true]) {
        const before = await cost(db, {}, n, speaks)
        const some = await cost(db, all, n, speaks)
        const came = await told()
        if (came < n * leastBytes) throw new Error(`the collector was told ${came} bytes of ${n} steps`)
        const after = await cost(db, {}, n, speaks)
        const none = speaks ? undefined : await cost(db, leftOut, n, speaks)
        await told()
        // The first round is for the compiler.
        if (round === 0) continue
        const wall = (before.wall + after.wall) / 2
        const processor = (before.processor + after.processor) / 2
        ratios[speaks ? "speaking" : "plain"].push(some.wall / wall)
        ratios[speaks ? "speakingAll" : "plainAll"].push(some.processor / processor)
        if (none === undefined) continue
        bytes = came / n
        untoldMs = wall / n
        ratios.untold.push(wall / n / commit)
        ratios.leftOut.push(none.wall / wall)
      }
    }
  } finally {
    close()
  }
  const untold = "the same, nobody told"
  return [
    figure("step, nobody told, NORMAL", "raw commit", "raw commits", ratios.untold, { kind: "at most", value: 2.5 }, {
      "step ms": untoldMs
    }),
    figure("step, traces of no run told", untold, "x untold", ratios.leftOut, { kind: "at most", value: 1.2 }),
    figure("step, a collector told", untold, "x untold", ratios.plain, { kind: "at most", value: 1.5 }, {
      "bytes per step": bytes
    }),
    figure("step, a collector told: processor in all", untold, "x untold", ratios.plainAll, {
      kind: "at most",
      value: 2.5
    }),
    figure("step that traces and logs, a collector told", untold, "x untold", ratios.speaking, {
      kind: "at most",
      value: 2.5
    }),
    figure("step that traces and logs: processor in all", untold, "x untold", ratios.speakingAll, {
      kind: "at most",
      value: 3.5
    })
  ]
}
