/**
 * Which signals a run receives, as far as its workflow says so.
 */
import { SignalUnfit, SignalUnknown } from "@fermata/core/RunsErrors"
import * as Effect from "effect/Effect"
import type { DefinitionRow, RunRow, StorageFailed } from "../Backend.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"
import * as SignalDeclaration from "./SignalDeclaration.ts"

/** What is known of the signals of the run: declared, or seen to be received by a run of its workflow in this process. */
export const known = (
  runtime: EngineRuntime,
  row: RunRow
): Effect.Effect<ReadonlyArray<SignalDeclaration.SignalDeclaration>, StorageFailed> =>
  Effect.map(definitionOf(runtime, row), (definition) => [
    ...Array.from(runtime.programs.get(row.workflow, row.version)?.signals.values() ?? [], SignalDeclaration.of),
    ...(definition === null ? [] : SignalDeclaration.declared(definition.schemas) ?? [])
  ])

/** Refuses a signal that the workflow of the run does not receive, and one that it does not take, as far as that is known here. */
export const check = (
  runtime: EngineRuntime,
  row: RunRow,
  name: string,
  payload: unknown
): Effect.Effect<void, SignalUnknown | SignalUnfit | StorageFailed> =>
  Effect.gen(function*() {
    const definition = yield* definitionOf(runtime, row)
    const names = definition === null ? undefined : namesIn(runtime, definition)
    if (names !== undefined && !names.includes(name) && !names.includes(declaredAs(name))) {
      return yield* new SignalUnknown({ runId: row.id, signal: name, known: names })
    }
    const signal = runtime.programs.get(row.workflow, row.version)?.signals.get(name)
    const problem = signal === undefined || names === undefined
      ? undefined
      : SignalDeclaration.problemOf(signal, payload)
    if (problem !== undefined) return yield* new SignalUnfit({ runId: row.id, signal: name, problem })
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** A step in a loop has a number, and one inside another begins with where it is: `step:each[3]/charge~2`. */
const declaredAs = (name: string): string => name.replace(/^step:.*\//, "step:").replace(/~\d+$/, "")

const definitionOf = (runtime: EngineRuntime, row: RunRow): Effect.Effect<DefinitionRow | null, StorageFailed> =>
  row.definition === null
    ? runtime.backend.definition(row.workflow, row.version)
    : runtime.backend.definitionByHash(row.definition)

/** The names that are declared; undefined where nothing is, or nothing is known of it here. */
const namesIn = (runtime: EngineRuntime, definition: DefinitionRow): ReadonlyArray<string> | undefined =>
  definition.document === null
    ? SignalDeclaration.declared(definition.schemas)?.map(({ name }) => name)
    : runtime.extensions.documents.describe(definition)?.signals
