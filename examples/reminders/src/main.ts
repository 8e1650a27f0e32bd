/**
 * node examples/reminders/src/main.ts             reminds, until it is done; may be stopped and started at any time
 * node examples/reminders/src/main.ts --done ada  says, from another process, that ada has done it
 */
import { NodeRuntime } from "@effect/platform-node"
import * as Signal from "@fermata/engine/Signal"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { Effect, Layer, Schedule } from "effect"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { Done, Mail, Remind, RemindLayer } from "./Remind.ts"

const { values } = parseArgs({
  options: {
    task: { type: "string", default: "water the fern" },
    done: { type: "string" },
    folder: { type: "string", default: ".fermata" }
  }
})

const task = { task: values.task, to: "ada" }
const db = join(values.folder, "reminders.db")

const remind = Effect.gen(function*() {
  console.log(`reminding ${task.to} every day: ${task.task}`)
  const { doneBy, reminders } = yield* Remind.execute(task)
  console.log(`${doneBy === null ? "not done in 14 days" : `done by ${doneBy}`}, after ${reminders} reminders`)
}).pipe(Effect.provide(RemindLayer.pipe(
  Layer.provide(Mail.layerConsole),
  Layer.provideMerge(NodeHost.layer({ db }))
)))

const tell = (by: string) =>
  Effect.gen(function*() {
    const runId = yield* Remind.executionId(task)
    yield* Signal.send(Done, { runId, payload: { by } }).pipe(
      Effect.retry({
        while: (error) => error._tag === "SignalRefused" && error.reason === "unknown",
        schedule: Schedule.spaced("200 millis")
      })
    )
    console.log(`told ${runId} that ${by} has done it`)
  }).pipe(Effect.provide(NodeHost.layer({ db, worker: false })))

NodeRuntime.runMain(values.done === undefined ? remind : tell(values.done))
