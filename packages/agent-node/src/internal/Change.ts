/**
 * Changes of files: what a tool makes of what is there, planned once and carried
 * out on exactly that. A digest of the file before and after goes with the plan, so
 * that after a crash it shows whether the change was made.
 */
import * as AgentTool from "@fermata/agent/AgentTool"
import type * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { type Content, digestOf, Workspace, WorkspaceRefused } from "../Workspace.ts"
import * as Difference from "./Difference.ts"

/** What a tool makes of a file. `there` is undefined where it makes a new one. */
export interface Change {
  readonly path: string
  readonly there: Content | undefined
  readonly after: Uint8Array
}

/** Finds out what a call makes of which file. */
export type Making<Params> = (params: Params) => Effect.Effect<Change, WorkspaceRefused, Workspace>

/** What is true of a tool that changes the file that is named in `argument`. */
export const rules = (argument: string): ReturnType<typeof AgentTool.rules> =>
  AgentTool.rules({ permission: "write", subject: AgentTool.subject("path", argument) })

/** The tool, with the plan and the probe of its calls. */
export const tool = <T extends Tool.Any>(given: T, making: Making<Tool.Parameters<T>>): T =>
  AgentTool.probe(
    AgentTool.plan(given, (params: Tool.Parameters<T>) =>
      Effect.map(making(params), ({ after, path, there }) => {
        const { shown, told } = Difference.of(path, there?.bytes, after)
        return { shown, state: { path, before: there?.digest ?? null, after: digestOf(after), told } satisfies Planned }
      })),
    () =>
      Effect.gen(function*() {
        const plan = yield* planned
        if (plan === undefined) return Option.none()
        const now = yield* (yield* Workspace).find(plan.path)
        return now?.digest === plan.after ? Option.some(plan.told as Tool.SuccessEncoded<T>) : Option.none()
      })
  )

/** Carries a call out, on the file that was planned on. Gives what the model is told. */
export const carryOut = <Params>(
  making: Making<Params>
): (params: Params) => Effect.Effect<string, WorkspaceRefused, Workspace> =>
  Effect.fnUntraced(function*(params: Params) {
    const workspace = yield* Workspace
    const plan = yield* planned
    const { after, path, there } = yield* making(params)
    const before = there?.digest ?? null
    if (plan !== undefined && plan.before !== before) {
      return yield* new WorkspaceRefused({ path, problem: "has changed since it was looked at: read it again" })
    }
    const { idempotencyKey } = yield* AgentTool.call
    yield* workspace.write(path, after, { before, key: idempotencyKey })
    return plan?.told ?? Difference.of(path, there?.bytes, after).told
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const Planned = Schema.Struct({
  path: Schema.String,
  before: Schema.NullOr(Schema.String),
  after: Schema.String,
  told: Schema.String
})
type Planned = typeof Planned.Type

const planned = Effect.map(
  AgentTool.CurrentPlan,
  (state) => state === undefined || state === null ? undefined : Schema.decodeUnknownSync(Planned)(state)
)
