/**
 * What an agent may do without asking: decided for each call of a tool, once.
 * The decision is recorded, and holds for the call however often the run is
 * replayed and whatever the policy has become meanwhile.
 */
import type * as Schema from "effect/Schema"
import type { Rules } from "./AgentTool.ts"

/** A call that a model wants to make. `depth` counts the agents above this one. */
export interface Call {
  readonly agent: string
  readonly depth: number
  readonly tool: string
  readonly params: Schema.Json
  readonly rules: Rules
}

/**
 * What becomes of a call: it is made; it is refused, and the model is told why;
 * people are asked about exactly these arguments, which they may edit; or it is
 * made with other arguments.
 */
export type Decision =
  | { readonly decision: "allow" }
  | { readonly decision: "deny"; readonly reason: string }
  | { readonly decision: "ask"; readonly approvers: ReadonlyArray<string>; readonly prompt?: string }
  | { readonly decision: "modify"; readonly params: Schema.Json; readonly reason: string }

/** Decides about calls. A function of the call alone, without effects. */
export type Policy = (call: Call) => Decision

/** What only reads is done, and people are asked about everything else. The default, with "operator" as the one who is asked. */
export const readOnly = (...approvers: ReadonlyArray<string>): Policy => ({ rules }) =>
  rules.permission === "read"
    ? { decision: "allow" }
    : { decision: "ask", approvers: approvers.length === 0 ? ["operator"] : approvers }

/** Everything is done: the default of other engines. */
export const open: Policy = () => ({ decision: "allow" })

/** Nothing is done. */
export const locked: Policy = ({ tool }) => ({
  decision: "deny",
  reason: `no tool may be called, and so not "${tool}"`
})
