/**
 * Compiles a contract to a workflow: a definition as hand-written code has one,
 * and a handler that walks the graph of steps.
 */
import * as StoredJson from "@fermata/core/StoredJson"
import type { Program } from "@fermata/engine/Extension"
import * as Workflows from "@fermata/engine/Workflows"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Workflow from "effect/workflow/Workflow"
import type * as Contract from "./Contract.ts"
import * as EventCondition from "./internal/EventCondition.ts"
import { compile, RunMemory, Walk } from "./internal/Sequence.ts"
import { mismatches } from "./JsonShape.ts"
import { standardKinds } from "./StandardKinds.ts"
import { standardShapes } from "./StandardShapes.ts"
import { ContractFailed, StepFailure } from "./StepFailure.ts"
import type { HostServices, Services, StepKinds } from "./StepKind.ts"
import { needsOf, type StepShapes } from "./StepShape.ts"
import { stepsOf } from "./StepTree.ts"

/** What a run of a contract is given. `trigger` is absent when it is the input. */
export const Payload = Schema.Struct({
  input: Schema.Json,
  trigger: Schema.optionalKey(Schema.Json)
})
export type Payload = typeof Payload.Type

/** The definition of a contract's runs. */
export const workflowOf = (contract: Contract.Contract) =>
  Workflow.make(contract.id, {
    payload: Payload,
    success: Schema.Json,
    error: ContractFailed,
    idempotencyKey: StoredJson.textOf
  })
    .annotate(Workflows.Version, contract.version)
    .annotate(Workflows.Limits, contract.limits)

/**
 * The handler of a contract's runs, for the body of a workflow. Returns the
 * output of the last step; fails with the failure of a step that has no
 * `onError`.
 */
export const program = <R = never>(
  contract: Contract.Contract,
  kinds: StepKinds<R> = standardKinds
): (payload: Payload, runId: string) => Effect.Effect<Schema.Json, ContractFailed, Services | R> => {
  const sequence = compile(contract, contract, kinds)
  return ({ input, trigger = input }, runId) => {
    const run = { id: runId, workflow: contract.id, version: contract.version }
    return sequence(new Walk(new RunMemory(), "", { trigger, input, run })).pipe(
      Effect.mapError(({ failure, of, step }) =>
        ContractFailed.of(contract, step, failure, of === "output" ? "The output" : undefined)
      ),
      Effect.flatMap((output) => checked(contract, output))
    )
  }
}

/** The compiled form that the engine executes. `services` are those of the host; the run's own come before them. */
export const executable = <R = never>(
  contract: Contract.Contract,
  services: Context.Context<HostServices | R>,
  kinds: StepKinds<R> = standardKinds
): Program => {
  const handler = program(contract, kinds)
  const { maxActiveMs, maxRunMs } = contract.limits
  return {
    workflow: workflowOf(contract),
    // The walk counts executed steps itself: a task that is handed over again is one of them.
    limits: { maxActiveMs, maxRunMs, maxSteps: Infinity },
    execute: (payload, runId) =>
      Effect.updateContext(
        Effect.suspend(() => handler(payload as Payload, runId)),
        (own: Context.Context<never>) => Context.merge(services, own) as Context.Context<Services | R>
      )
  }
}

/** What the store says about the schemas of a contract, as about those of programs: its input is any JSON, and its output too where it does not say more. */
export const schemasOf = ({ outputSchema }: Pick<Contract.Contract, "outputSchema">): string =>
  StoredJson.textOf({
    payload: null,
    success: outputSchema === undefined
      ? null
      : { dialect: "draft-2020-12", schema: outputSchema, definitions: {} },
    error: null
  })

/** The events that runs of a contract may wait for. */
export const awaited = (
  contract: Contract.Contract,
  shapes: StepShapes = standardShapes
): ReadonlyArray<string> => subscriptionsOf(contract, shapes).map(({ event }) => event)

/** The same, with the places in them at which waits ask for one value. */
export const subscriptionsOf = (
  contract: Contract.Contract,
  shapes: StepShapes = standardShapes
): ReadonlyArray<{ readonly event: string; readonly paths: ReadonlyArray<string> }> => {
  const found = new Map<string, Set<string>>()
  for (const { event, where } of stepsOf(contract, shapes).flatMap((step) => needsOf(shapes, step).events ?? [])) {
    const paths = found.get(event) ?? new Set()
    found.set(event, paths)
    const path = where === undefined ? undefined : EventCondition.of(where)?.path
    if (path !== undefined) paths.add(path)
  }
  return Array.from(found, ([event, paths]) => ({ event, paths: [...paths] }))
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The output, where it is as the contract says that it must be. */
const checked = (contract: Contract.Contract, output: Schema.Json): Effect.Effect<Schema.Json, ContractFailed> => {
  const { outputSchema } = contract
  const [first, ...more] = outputSchema === undefined ? [] : mismatches(outputSchema, output)
  if (first === undefined) return Effect.succeed(output)
  const where = first.path === "" ? "it" : `its ${first.path}`
  const rest = more.length === 0 ? "" : ` (and ${more.length} more)`
  const failure = new StepFailure({
    reason: "output",
    message: `${where} must be ${first.expected}${rest}`,
    retryable: false,
    data: [first, ...more].map(({ expected, path }) => ({ path, expected }))
  })
  return Effect.fail(ContractFailed.of(contract, "output", failure, "The output"))
}
