/** The `parallel` step: goes through its branches at the same time, and records what they came to. */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { record } from "../../RecordedStep.ts"
import type { StandardStep } from "../../StandardShapes.ts"
import { StepFailure } from "../../StepFailure.ts"
import * as StepKind from "../../StepKind.ts"
import type { Execute, Inside, Services, Tools, Visit } from "../../StepKind.ts"
import { collected } from "./Collected.ts"
import { parallel } from "./Parallel.ts"

const run = (step: StandardStep<"parallel">, { inside }: Tools): Execute => {
  const keep = record(step)
  const branches = Object.entries(step.branches).map(([name, body]): Branch => ({ name, go: inside(body) }))
  const { next, onFailure, wait } = step
  return Effect.fnUntraced(function*(visit) {
    const results = wait === "first" ? first(branches, visit) : all(branches, onFailure, visit)
    return { output: yield* keep(visit.scope, yield* Effect.result(results)), next }
  })
}

/** How the kind `parallel` runs. */
export const parallelKind = StepKind.make({ ...parallel, run })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

interface Branch {
  readonly name: string
  readonly go: Inside
}

type Results = Effect.Effect<Schema.Json, StepFailure, Services>

const all = (branches: ReadonlyArray<Branch>, onFailure: "fail" | "collect", visit: Visit): Results =>
  Effect.map(
    Effect.forEach(
      branches,
      ({ go, name }) => Effect.map(collected(onFailure, go(visit, name, {})), (output) => [name, output] as const),
      { concurrency: "unbounded" }
    ),
    (outputs) => Object.fromEntries(outputs)
  )

/** The first that succeeds; a failure counts only when all have failed. */
const first = (branches: ReadonlyArray<Branch>, visit: Visit): Results =>
  Effect.suspend(() => {
    const failures = new Map<string, StepFailure>()
    const ways = branches.map(({ go, name }) =>
      go(visit, name, {}).pipe(
        Effect.map((output) => ({ branch: name, output })),
        Effect.tapError((failure) => Effect.sync(() => void failures.set(name, failure)))
      )
    )
    return Effect.mapError(Effect.raceAll(ways), ({ reason }) =>
      new StepFailure({
        reason,
        message: `no branch succeeded: ${
          Array.from(failures, ([name, { message }]) => `"${name}": ${message}`).join("; ")
        }`,
        retryable: false,
        data: Object.fromEntries(Array.from(failures, ([name, { json }]) => [name, json]))
      }))
  })
