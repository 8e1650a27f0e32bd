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
  /** The folder that the tools work in, where the process of the agent says so (`AgentTool.CurrentWorkspace`). */
  readonly workspace?: string
  /** Rules that people have let stand for the agent; there when it is asked whether one of them is about a call that people would be asked about. */
  readonly standing?: ReadonlyArray<string>
}

/** How people are asked, beside who they are: who may not answer, who else may after a time, and when they are reminded. As in `Approval.JsonQuestion`. */
export interface Terms {
  readonly notBy?: ReadonlyArray<string>
  readonly escalate?: ReadonlyArray<{ readonly afterMs: number; readonly to: ReadonlyArray<string> }>
  readonly remind?: { readonly everyMs: number; readonly most: number }
}

/** What becomes of a call. */
export type Decision =
  | {
    readonly decision: "allow"
    /** Those of the rules that stand without which people would be asked. */
    readonly standing?: ReadonlyArray<string>
  }
  | { readonly decision: "deny"; readonly reason: string }
  | Terms & {
    readonly decision: "ask"
    readonly approvers: ReadonlyArray<string>
    readonly prompt?: string
    readonly always?: Always
  }
  | { readonly decision: "modify"; readonly params: Schema.Json; readonly reason: string }

/**
 * What whoever is asked may let stand, so that the like is not asked again: rules
 * of which each is about the call, the narrowest first, and the workspace that they
 * hold in. Without it, rules that stand open nothing of the call.
 */
export interface Always {
  readonly workspace: string
  readonly rules: ReadonlyArray<string>
  /** What each of them opens, in words for whoever is asked; in the order of the rules. */
  readonly opens?: ReadonlyArray<string>
}
