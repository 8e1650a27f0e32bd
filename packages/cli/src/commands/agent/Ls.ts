import type { AgentHead } from "@fermata/api/AgentsGroup"
import type { Amount } from "@fermata/core/Amount"
import type { DayRaise } from "@fermata/core/DayRaise"
import type { SpendingSum } from "@fermata/core/SpendingSum"
import * as Spent from "@fermata/core/Spent"
import * as SpentByDay from "@fermata/core/SpentByDay"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { type Globals, globals } from "../../Globals.ts"
import * as Money from "../../Money.ts"
import type { Operator } from "../../Operator.ts"
import { item, lines, note, table, width } from "../../Output.ts"
import { withHost, withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"

/** `fermata agent ls` */
export const commandAgentLs = Command.make("ls", {}, () =>
  Effect.gen(function*() {
    const values = yield* globals
    const { heads, spending } = yield* values.server === undefined ? configured(values) : there
    const all = heads.map((head) => listed(head, values.model, spending))
    if (values.json) return yield* Effect.forEach(all, item, { discard: true })
    if (all.length === 0) return yield* note("no agents")
    const costs = all.some(({ budget, dailyBudget, spending }) =>
      budget !== undefined || dailyBudget !== undefined || (spending !== undefined && !isNothing(spending))
    )
    yield* lines(table(
      ["AGENT", "MODELS", "TOOLS", "AGENTS BELOW", ...(costs ? ["TODAY", "EVER", "A RUN MAY"] : []), "DESCRIPTION"],
      all.map((agent) => columns(agent, costs)),
      undefined,
      { width: width(), shrinks: [costs ? 7 : 4, 2, 3] }
    ))
  })).pipe(
    Command.withDescription(
      "List the agents of the configuration, with their models, tools and agents below, what they have spent, and their limits with their raises"
    ),
    Sides.either,
    Command.withExamples([{ command: "fermata agent ls --json", description: "As NDJSON, an agent a line" }])
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What all runs of an agent have spent: on this UTC day, with what calls in flight have reserved of it, and ever; and the raises of what they may spend on this day and later ones. */
interface Spending {
  readonly today: Amount
  readonly reserved: Amount
  readonly ever: Amount
  readonly raised: Amount
  readonly raises: ReadonlyArray<DayRaise>
}

const nothing: Spending = {
  today: Spent.zero,
  reserved: Spent.zero,
  ever: Spent.zero,
  raised: Spent.zero,
  raises: []
}

const isNothing = ({ ever, reserved }: Spending): boolean => Spent.isZero(ever) && Spent.isZero(reserved)

/** The agents, and what each has spent, where there is a store to look into. */
interface Found {
  readonly heads: ReadonlyArray<AgentHead>
  readonly spending: ((agent: string) => Spending) | undefined
}

/** Those of a configuration, with what its database knows of them. */
const configured = Effect.fnUntraced(function*(values: Globals) {
  const { load } = yield* Effect.promise(() => import("../../Config.ts"))
  const { headOf } = yield* Effect.promise(() => import("../../Agents.ts"))
  const { agents = [] } = (yield* load(values.config, [process.cwd()])).config
  const spending = existsSync(values.db)
    ? yield* withHost({ command: "agent ls", readOnly: true, existing: true }, spent)
    : undefined
  // Nothing where there is no database to look into.
  return { heads: agents.map(headOf), spending: spending === undefined ? undefined : spending } as Found
})

/** Those of a server. */
const there = withOperator({ command: "agent ls" }, (operator) =>
  Effect.gen(function*() {
    return { heads: yield* operator.there!.agents, spending: yield* spent(operator) } as Found
  })).pipe(Effect.map((found) => found as Found))

/** An agent as it is listed; `model` is asked in place of its own. */
const listed = (
  { agents, budget, dailyBudget, description, models, name, tools }: AgentHead,
  model: string | undefined,
  spending: ((agent: string) => Spending) | undefined
) => ({
  name,
  description,
  models: model === undefined ? models : [model],
  tools,
  agents,
  ...(budget === undefined ? {} : { budget }),
  ...(dailyBudget === undefined ? {} : { dailyBudget }),
  ...(spending === undefined ? {} : { spending: spending(name) })
})

const columns = (
  { agents, budget, dailyBudget, description, models, name, spending = nothing, tools }: ReturnType<typeof listed>,
  costs: boolean
): ReadonlyArray<string> => [
  name,
  models.join(", "),
  tools.join(", "),
  agents.join(", "),
  ...(costs
    ? [
      today(spending, dailyBudget),
      Spent.text(spending.ever),
      budget === undefined ? "" : `spend ${Spent.text(budget)}`
    ]
    : []),
  description
]

/** Of each agent, from the store. */
const spent = Effect.fnUntraced(function*(operator: Operator) {
  const now = operator.now()
  const sums = yield* operator.refine(operator.runs.spending())
  const day = SpentByDay.textOf(SpentByDay.dayOf(now))
  const raises = yield* operator.refine(operator.runs.dayRaises({ since: now }))
  return (agent: string): Spending => {
    const own = sums.filter(({ workflow }) => workflow === agent)
    const sum = (rows: ReadonlyArray<SpendingSum>, of: "spent" | "reserved") => Spent.sumAll(rows.map((row) => row[of]))
    const today = own.filter((row) => row.day === day)
    return {
      today: sum(today, "spent"),
      reserved: sum(today, "reserved"),
      ever: sum(own, "spent"),
      raised: Spent.sumAll(today.map(({ raised = Spent.zero }) => raised)),
      raises: raises.filter(({ workflow }) => workflow === agent)
    }
  }
})

const today = ({ raised, reserved, today }: Spending, limit: Amount | undefined): string =>
  `${limit === undefined ? Spent.text(today) : Spent.textOf(today, Money.raised(limit, raised))}${
    limit === undefined || Spent.isZero(raised) ? "" : ` (raised by ${Spent.text(raised)})`
  }${Spent.isZero(reserved) ? "" : `, and up to ${Spent.text(reserved)} in flight`}`
