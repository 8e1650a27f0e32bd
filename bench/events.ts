/** One event for one of many waiting runs, beside the same for one of a tenth of them. */
import { Contracts } from "@fermata/contracts/Contracts"
import { Llm } from "@fermata/contracts/Llm"
import { TaskRuntime } from "@fermata/contracts/TaskRuntime"
import { Engine } from "@fermata/engine/Engine"
import { Events } from "@fermata/engine/Events"
import { Runs } from "@fermata/engine/Runs"
import { Store } from "@fermata/engine/Store"
import { NodeHost } from "@fermata/host-node"
import { Effect, Layer, ManagedRuntime } from "effect"
import { join } from "node:path"
import type { Case } from "./cases.ts"
import { figure, time } from "./measure.ts"
import { remove } from "./subject.ts"

const contract = {
  schemaVersion: "fermata.contract.v1",
  id: "waiting",
  version: "1.0.0",
  title: "Waits for what is paid",
  entryStepId: "hold",
  steps: [{ id: "hold", name: "hold", kind: "wait", event: "order.paid", where: "event.id = input.id", next: null }]
}

const host = (db: string) =>
  ManagedRuntime.make(
    Runs.layer.pipe(
      Layer.provideMerge(Contracts.layer),
      Layer.provideMerge(Layer.mergeAll(Events.layer, TaskRuntime.layerNone, Llm.layerNone)),
      Layer.provideMerge(NodeHost.layer({ db }))
    )
  )

interface Measured {
  /** ms for each event, from when it is published until its run has ended. */
  readonly each: number
  /** Most entries of a run. */
  readonly entries: number
}

/** So many runs wait, and get an event each. */
const measure = async (db: string, count: number): Promise<Measured> => {
  remove(db)
  const runtime = host(db)
  const ids = Array.from({ length: count }, (_, id) => id)
  const started = await runtime.runPromise(Effect.gen(function*() {
    const contracts = yield* Contracts
    const engine = yield* Engine
    yield* contracts.add(contract)
    const runs = yield* Effect.forEach(ids, (id) => contracts.start({ contract: contract.id, input: { id } }), {
      concurrency: 50
    })
    yield* engine.settled
    // Only some of many fit into memory, so none may be there of few.
    yield* engine.evict
    yield* engine.settled
    return runs
  }))
  const took = await time(() =>
    runtime.runPromise(Effect.gen(function*() {
      const events = yield* Events
      const engine = yield* Engine
      yield* Effect.forEach(ids.toReversed(), (id) => events.emit("order.paid", { id }), {
        concurrency: 50,
        discard: true
      })
      yield* engine.settled
    }))
  )
  const rows = await runtime.runPromise(
    Effect.flatMap(Store, ({ backend }) => Effect.forEach(started, ({ runId }) => backend.run(runId)))
  )
  await runtime.dispose()
  const open = rows.filter((row) => row?.status !== "completed").length
  if (open > 0) throw new Error(`${open} of ${count} runs did not get their event`)
  return { each: took / count, entries: Math.max(...rows.map((row) => row!.length)) }
}

export const events: Case = async ({ folder, rounds, scale }) => {
  const many = Math.ceil(2_000 * scale)
  const few = Math.ceil(many / 10)
  const ratios: Array<number> = []
  let each = Infinity
  let entries = 0
  for (let round = 0; round < rounds; round++) {
    const all = await measure(join(folder, "events.db"), many)
    const some = await measure(join(folder, "events.db"), few)
    ratios.push(all.each / some.each)
    each = Math.min(each, all.each)
    entries = all.entries
  }
  return [
    figure(
      `an event for one of ${many.toLocaleString("en")} waiting runs`,
      "an event for one of a tenth of them",
      "x a tenth",
      ratios,
      { kind: "at most", value: 1.5 },
      {
        "ms per event": each,
        "entries of a run": entries
      }
    )
  ]
}
