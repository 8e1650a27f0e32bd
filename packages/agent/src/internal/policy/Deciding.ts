/** What a policy is asked, and what it answers. */
import type * as Schema from "effect/Schema"
import type { Rules } from "../../AgentTool.ts"

/** A call that a model wants to make. `depth` counts the agents above this one. */
export interface Call {
  readonly agent: string
  readonly depth: number
  readonly tool: string
  readonly params: Schema.Json
  readonly rules: Rules
}

/** What becomes of a call. */
export type Decision =
  | { readonly decision: "allow" }
  | { readonly decision: "deny"; readonly reason: string }
  | { readonly decision: "ask"; readonly approvers: ReadonlyArray<string>; readonly prompt?: string }
  | { readonly decision: "modify"; readonly params: Schema.Json; readonly reason: string }
