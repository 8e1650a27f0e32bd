/** The calls of one answer, each decided, asked about and made. */
import type { ToolResult, Usage } from "@fermata/core/AgentMessage"
import type { Amount } from "@fermata/core/Amount"
import * as SameJson from "@fermata/core/SameJson"
import * as TimeText from "@fermata/core/TimeText"
import * as Approval from "@fermata/engine/Approval"
import type { Chunks } from "@fermata/engine/Chunks"
import type { Engine } from "@fermata/engine/Engine"
import * as Step from "@fermata/engine/Step"
import * as Workflows from "@fermata/engine/Workflows"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { WorkflowEngine, WorkflowInstance } from "effect/workflow/WorkflowEngine"
import * as AgentTool from "../AgentTool.ts"
import type { Models } from "../Model.ts"
import * as Dispatch from "./Dispatch.ts"
import type * as Asks from "./mcp/Asks.ts"
import type * as Sampling from "./mcp/Sampling.ts"
import * as Settling from "./mcp/Settling.ts"
import * as Money from "./Money.ts"
import * as PlanStep from "./PlanStep.ts"
import * as Routes from "./Routes.ts"
import { Route } from "./Setup.ts"
import * as StandingStep from "./StandingStep.ts"
import * as ToolStep from "./ToolStep.ts"

type Needs = Engine | WorkflowEngine | WorkflowInstance | Models | Chunks

/** What calls are made with. */
export interface Callers extends Routes.Known {
  /** What the run may spend, and no limit when absent. */
  readonly limit: Amount | undefined
  readonly kit: ToolStep.Kit
  readonly toolStep: (name: string, onCrash: AgentTool.Rules["onCrash"]) => ToolStep.ToolStep
  /** Answers what an MCP server asks of a model in a call. */
  readonly sample: (
    tool: string,
    open: Extract<Asks.Open, { readonly _tag: "Asks" }>
  ) => Effect.Effect<Sampling.Sampled, never, Needs>
  readonly planStep: (name: string) => PlanStep.PlanStep
  readonly standingStep: (name: string) => StandingStep.StandingStep
  /** Runs an agent that is a tool, and says what came of it. `place` is the same for every replay of this call. */
  readonly child: (
    tool: string,
    params: Schema.Json,
    place: number,
    grant: Amount | undefined
  ) => Effect.Effect<{ readonly outcome: ToolStep.Outcome; readonly usage: Usage }, never, Needs>
}

/** Makes the calls; `before` counts those of earlier answers. Gives the results in the order of the calls, and what subagents have used. */
export const make = (
  wanted: ReadonlyArray<Routes.Call>,
  before: number,
  concurrency: number,
  callers: Callers
): Effect.Effect<
  {
    readonly results: ReadonlyArray<ToolResult>
    readonly usages: ReadonlyArray<Usage>
    /** What those said who let a call be made. */
    readonly notes: ReadonlyArray<string>
  },
  never,
  Needs
> =>
  Effect.gen(function*() {
    // Policy and tools are configuration, and a replay must go the way that was gone.
    const routes = yield* Workflows.decide("calls", Routing, () => Routes.of(wanted, callers))
    const usages: Array<Usage> = []
    const notes = new Map<number, string>()
    const agents = routes.filter(({ to }) => to === "agent").length
    // Several who go at once share what is left. A replay does not compare what was granted.
    const grant = callers.limit === undefined || agents === 0
      ? undefined
      : Money.shareOf(callers.limit, (yield* Workflows.spent).total, agents)
    let stopped: string | undefined
    const results = yield* Dispatch.each(
      wanted.map((call, index) => ({ call, route: routes[index]!, place: before + index + 1 })),
      ({ route }) => route.to === "nobody" || route.to === "memory" || route.safe,
      concurrency,
      ({ call, place, route }) =>
        Effect.map(
          Effect.suspend(() =>
            stopped === undefined
              ? one(call, route, place, callers, usages, notes, grant)
              : Effect.succeed(ToolStep.failure(`it was not called, since ${stopped} went wrong before it`))
          ),
          ({ files, isFailure, result, stopsOthers }): ToolResult => {
            if (stopsOthers === true) stopped = call.tool
            return { id: call.id, tool: call.tool, isFailure, result, ...(files === undefined ? {} : { files }) }
          }
        )
    )
    return { results, usages, notes: wanted.flatMap((_, index) => notes.get(before + index + 1) ?? []) }
  }).pipe(
    Effect.provideService(ToolStep.CurrentKit, callers.kit),
    Effect.provideService(AgentTool.CurrentUnreadable, callers.policy.unreadable ?? [])
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const Routing = Schema.Array(Route)

/** What policy says of arguments that people have edited: why a call with them is not made, if it is not. */
const Judged = Schema.Struct({ problem: Schema.NullOr(Schema.String) })

const one = Effect.fnUntraced(function*(
  call: Routes.Call,
  route: Route,
  place: number,
  callers: Callers,
  usages: Array<Usage>,
  notes: Map<number, string>,
  grant: Amount | undefined
): Effect.fn.Return<ToolStep.Outcome, never, Needs> {
  if (route.to === "nobody") return ToolStep.failure(route.reason)
  if (route.to === "memory") {
    const skill = Routes.skillOf(call)
    const result = skill && callers.memory.said.get(callers.memory.keyOf(skill))
    return result === undefined ? ToolStep.failure("it is not known any more") : { isFailure: false, result }
  }
  if (call.type === "broken-call") {
    return ToolStep.failure("its arguments are not whole JSON, so that it was not called")
  }
  const plan = (params: Schema.Json): Effect.Effect<PlanStep.Planned, never, Needs> =>
    route.plans === true
      ? Effect.provideService(callers.planStep(call.tool)({ call: call.id }), PlanStep.CurrentParams, params)
      : Effect.succeed({ shown: "", state: null })
  let params = route.instead?.params ?? call.params
  let planned = yield* plan(params)
  if ("problem" in planned) return ToolStep.failure(planned.problem)
  if (route.ask !== undefined && !(yield* goesUnasked(call, params, route.ask, callers))) {
    const { always, approvers, escalate, judges, notBy, prompt, remind } = route.ask
    const problemOf = (edited: Schema.Json) => problemOfEdit(call.tool, edited, callers)
    const answered = yield* Effect.result(
      Approval.ask(call.tool, {
        approvers,
        ...(notBy === undefined ? {} : { notBy }),
        ...(escalate === undefined
          ? {}
          : { escalate: escalate.map(({ afterMs, to }) => ({ after: afterMs, to })) }),
        ...(remind === undefined ? {} : { remind: { every: remind.everyMs, most: remind.most } }),
        prompt: planned.shown === "" ? prompt : `${prompt}\n\n${planned.shown}`,
        args: {
          schema: Schema.Json,
          value: params,
          editable: true,
          ...(judges === true ? { problemOf } : {})
        },
        ...(always === undefined ? {} : { standing: { agent: callers.agent, ...always } })
      })
    )
    if (Result.isFailure(answered)) return ToolStep.failure(answered.failure.message)
    const { args, by, note } = answered.success
    if (!SameJson.same(args, params)) {
      // Whoever edits what is called knows what they want and is not asked about it again, but opens nothing that is forbidden.
      const judged = judges === true
        ? yield* Workflows.decide("edit", Judged, () => ({ problem: problemOf(args) ?? null }))
        : { problem: null }
      if (judged.problem !== null) return ToolStep.failure(judged.problem)
      planned = yield* plan(args)
    }
    if ("problem" in planned) return ToolStep.failure(planned.problem)
    params = args
    if (note !== undefined) notes.set(place, `${by.join(" and ")} let ${call.tool} be called, and said: ${note}`)
  }
  const state = planned.state
  switch (route.to) {
    case "step": {
      const tool = Object.hasOwn(callers.kit.tools, call.tool) ? callers.kit.tools[call.tool] : undefined
      const onCrash = tool === undefined ? "ask" : AgentTool.rulesOf(tool, params).onCrash
      const sample: Settling.Sample<Needs> = (tool, open) =>
        Effect.map(callers.sample(tool, open), ({ reply, usage }) => {
          usages.push(usage)
          return reply
        })
      const made = (on?: Asks.Round) =>
        Effect.provideService(
          callers.toolStep(call.tool, onCrash)({ call: call.id, params, ...(on === undefined ? {} : { on }) }),
          AgentTool.CurrentPlan,
          state
        ).pipe(Effect.provideService(Step.Chosen, true), Effect.catch((later) => Effect.succeed(ToolStep.given(later))))
      return yield* Settling.settle(call.tool, yield* made(), sample, made)
    }
    case "run":
      return yield* Effect.provideService(
        Step.within(ToolStep.carryOut(call.tool, params, call.id), `${call.tool}[${place}]/`),
        AgentTool.CurrentPlan,
        state
      ).pipe(Effect.provideService(Step.Chosen, true), Effect.catch((later) => Effect.succeed(ToolStep.given(later))))
    case "agent": {
      const { outcome, usage } = yield* callers.child(call.tool, params, place, grant)
      usages.push(usage)
      return outcome
    }
  }
})

/** Whether rules that people have let stand open a call that they would be asked about. */
const goesUnasked = Effect.fnUntraced(function*(
  { id, tool }: Routes.Call,
  params: Schema.Json,
  { always }: Asking,
  { agent, depth, policy, standingStep, tools }: Callers
): Effect.fn.Return<boolean, never, Needs> {
  if (always === undefined) return false
  const judge: StandingStep.Judge = (standing) => {
    if (!Object.hasOwn(tools, tool)) return []
    const rules = AgentTool.rulesOf(tools[tool]!, params)
    const decision = policy({ agent, depth, tool, params, rules, standing })
    return decision.decision === "allow" ? decision.standing ?? [] : []
  }
  const by = yield* Effect.provideService(
    standingStep(tool)({ call: id, agent, workspace: always.workspace }),
    StandingStep.CurrentJudge,
    judge
  )
  if (by.length === 0) return false
  yield* Workflows.note(
    "policy",
    `nobody was asked about ${tool}, by ${
      by.map((rule) => `rule ${rule.rule} (${rule.id}), which ${rule.by} let stand on ${TimeText.time(rule.at)}`).join(
        " and "
      )
    }`
  )
  return true
})

type Asking = NonNullable<Extract<Route, { readonly safe: boolean }>["ask"]>

/** Why policy does not let a call be made with arguments that people have edited. What it would ask about has been asked. */
const problemOfEdit = (
  tool: string,
  params: Schema.Json,
  { agent, depth, policy, tools }: Callers
): string | undefined => {
  if (!Object.hasOwn(tools, tool)) return undefined
  const decision = policy({ agent, depth, tool, params, rules: AgentTool.rulesOf(tools[tool]!, params) })
  switch (decision.decision) {
    case "deny":
      return `the edited arguments are not allowed: ${decision.reason}`
    case "modify":
      return `policy takes no edit that it would change: ${decision.reason}`
    default:
      return undefined
  }
}
