/** What rules go by in a call, as texts. */
import type * as Schema from "effect/Schema"
import type { Subject } from "../../AgentTool.ts"

/** Undefined where the arguments are not those of the tool. */
export const textsOf = ({ of }: Subject, params: Schema.Json): ReadonlyArray<string> | undefined => {
  const given = of(params)
  return typeof given === "string" ? [given] : given
}
