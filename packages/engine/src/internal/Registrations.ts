/** Workflows in the form in which their runs are executed. */
import * as DurableTime from "@fermata/core/DurableTime"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Workflow from "effect/workflow/Workflow"
import type { Program } from "../Extension.ts"
import type { Limits, Registration } from "./run/RunHost.ts"
import * as SignalDeclaration from "./SignalDeclaration.ts"
import type { Signal } from "./SignalDeclaration.ts"
import * as Annotations from "./WorkflowAnnotations.ts"
import { codecs } from "./WorkflowCodecs.ts"

/** The executable form of a program that stands in code. */
export const ofProgram = (
  workflow: Workflow.Any,
  execute: (payload: object, runId: string) => Effect.Effect<unknown, unknown, unknown>
): Registration => {
  const signals = Context.get(workflow.annotations, Annotations.Signals) ?? []
  const { decodePayload, encodeExit } = codecs(workflow)
  return {
    name: workflow._tag,
    version: versionOf(workflow),
    workflow,
    limits: limitsOf(workflow),
    schemas: schemasOf(workflow),
    ...known(signals),
    decodePayload: decodePayload as Registration["decodePayload"],
    encodeExit,
    execute: execute as Registration["execute"]
  }
}

/** The executable form of a document. Its schemas stand with its definition. */
export const ofDocument = ({ execute, limits, workflow }: Program): Registration => {
  const { decodePayload, encodeExit } = codecs(workflow)
  return {
    name: workflow._tag,
    version: versionOf(workflow),
    workflow,
    limits,
    schemas: StoredJson.textOf({ payload: null, success: null, error: null }),
    ...known([]),
    decodePayload: decodePayload as Registration["decodePayload"],
    encodeExit,
    execute: execute as Registration["execute"]
  }
}

/** The version that a workflow declares, or the default. */
export const versionOf = (workflow: Workflow.Any) => Context.get(workflow.annotations, Annotations.Version)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The signals that runs receive, which are known beforehand or when one of them is asked for. */
const known = (signals: ReadonlyArray<Signal<Schema.Top>>): Pick<Registration, "declare" | "signals"> => {
  const byName = new Map(signals.map((signal) => [signal.name, signal]))
  return { signals: byName, declare: (signal) => void byName.set(signal.name, signal) }
}

/** JSON Schemas (draft 2020-12) for those who have the store but not the code; null for a schema that has none. */
const schemasOf = (workflow: Workflow.Any): string => {
  const signals = Context.get(workflow.annotations, Annotations.Signals)
  const document = (schema: Schema.Top) => {
    try {
      const made = StoredJson.of(Schema.toJsonSchemaDocument(Schema.toCodecJson(schema)))
      return Result.isSuccess(made) ? made.success.read() : null
    } catch {
      return null
    }
  }
  return StoredJson.textOf({
    payload: document(workflow.payloadSchema),
    success: document(workflow.successSchema),
    error: document(workflow.errorSchema),
    ...(signals === undefined ? {} : { signals: signals.map(SignalDeclaration.of) })
  })
}

const limitsOf = (workflow: Workflow.Any): Limits => {
  const limits = { ...Annotations.defaultLimits, ...Context.get(workflow.annotations, Annotations.Limits) }
  for (const [name, limit] of Object.entries(limits)) {
    if (limit >= 0 && !DurableTime.isTooLate(limit)) continue
    throw new Error(
      `Workflow "${workflow._tag}" has ${name}: ${limit}; a limit is a number from 0 to ${DurableTime.latest}, or Infinity for none`
    )
  }
  return limits
}
