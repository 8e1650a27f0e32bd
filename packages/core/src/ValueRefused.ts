/**
 * The error of those who hand over what cannot be stored.
 */
import * as Schema from "effect/Schema"
import type { Unstorable } from "./StoredJson.ts"

/**
 * A value that was handed over cannot be stored: JSON does not hold it, or would
 * change it in silence, or it is too deep or too long. Nothing of it has been
 * recorded. Inside a run it is a defect of the one who gave the value.
 */
export class ValueRefused extends Schema.TaggedError<ValueRefused>()("ValueRefused", {
  /** What was handed over, such as `input of step "load"`. */
  what: Schema.String,
  workflow: Schema.optionalKey(Schema.String),
  runId: Schema.optionalKey(Schema.String),
  /** The place in the value, such as `orders[2].id`; empty for the value itself. */
  path: Schema.String,
  /** What is there, and what would be right. */
  problem: Schema.String
}, { httpApiStatus: 400 }) {
  override get message(): string {
    const run = this.runId === undefined ? "" : ` in run ${this.runId}`
    const workflow = this.workflow === undefined ? "" : ` of workflow "${this.workflow}"`
    return `The ${this.what}${run}${workflow} cannot be stored: ${this.problem}`
  }
}

/** Where a value was handed over. */
export interface Giver {
  readonly workflow?: string
  readonly runId?: string
}

/** The error for a value that cannot be stored. */
export const of = (
  what: string,
  { path, reason }: Pick<Unstorable, "path" | "reason">,
  { runId, workflow }: Giver = {}
): ValueRefused =>
  new ValueRefused({
    what,
    path,
    problem: reason,
    ...(runId === undefined ? {} : { runId }),
    ...(workflow === undefined ? {} : { workflow })
  })
