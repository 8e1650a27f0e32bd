/** Runs one workflow on a database of its own and prints the journal that the run leaves. */
import * as Runs from "@fermata/engine/Runs"
import * as Step from "@fermata/engine/Step"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const look = Step.make("look", { success: Schema.String, onCrash: "rerun", run: () => Effect.succeed("seen") })

const Probe = Workflow.make("probe", { payload: {}, success: Schema.String, idempotencyKey: () => "only" })

const ProbeLayer = Probe.toLayer(() => Effect.tap(look(), () => Effect.sleep("10 millis")))

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "fermata-probe-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
)

/** The entries of the run's journal, in order. */
export const probe = Effect.scoped(Effect.flatMap(folder, (folder) =>
  Effect.gen(function*() {
    yield* Probe.execute({})
    const runs = yield* Runs.Runs
    return yield* runs.journal(yield* Probe.executionId({}))
  }).pipe(Effect.provide(ProbeLayer.pipe(
    Layer.provideMerge(Runs.Runs.layer),
    Layer.provideMerge(NodeHost.layer({ db: join(folder, "probe.db") }))
  )))))

if (import.meta.main) { for (const entry of await Effect.runPromise(probe)) console.log(entry) }
