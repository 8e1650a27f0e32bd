import type * as Agent from "@fermata/agent/Agent"
import type { Amount } from "@fermata/core/Amount"
import type { DayRaise } from "@fermata/core/DayRaise"
import type { SpendingSum } from "@fermata/core/SpendingSum"
import * as Spent from "@fermata/core/Spent"
import * as SpentByDay from "@fermata/core/SpentByDay"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import { globals } from "../../Globals.ts"
import * as Money from "../../Money.ts"
import { item, lines, note, table, width } from "../../Output.ts"
import { withHost } from "../../Session.ts"

/** `fermata agent ls` */
export const commandAgentLs = Command.make("ls", {}, () =>
  Effect.gen(function*() {
    const values = yield* globals
    const { load } = yield* Effect.promise(() => import("../../Config.ts"))
    const { agents = [] } = (yield* load(values.config, [process.cwd()])).config
    const spending = existsSync(values.db) ? spendingOf(yield* spent) : undefined
    const all = agents.map(({ agent }) => listed(agent, values.model, spending))
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

/** An agent as it is listed; `model` is asked in place of its own. */
const listed = (
  { agents, budget, dailyBudget, description, models, name, tools }: Agent.Any,
  model: string | undefined,
  spending: ((agent: string) => Spending) | undefined
) => ({
  name,
  description,
  models: model === undefined ? models : [model],
  tools,
  agents: agents.map(({ name }) => name),
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
const spent = withHost({ command: "agent ls", readOnly: true, existing: true }, (host) =>
  Effect.gen(function*() {
    const now = host.now()
    const sums = yield* host.refine(host.runs.spending())
    const day = SpentByDay.textOf(SpentByDay.dayOf(now))
    const raises = yield* host.refine(host.runs.dayRaises({ since: now }))
    return (agent: string): Spending => {
      const own = sums.filter(({ workflow }) => workflow === agent)
      const sum = (rows: ReadonlyArray<SpendingSum>, of: "spent" | "reserved") =>
        Spent.sumAll(rows.map((row) => row[of]))
      const today = own.filter((row) => row.day === day)
      return {
        today: sum(today, "spent"),
        reserved: sum(today, "reserved"),
        ever: sum(own, "spent"),
        raised: Spent.sumAll(today.map(({ raised = Spent.zero }) => raised)),
        raises: raises.filter(({ workflow }) => workflow === agent)
      }
    }
  }))

/** Nothing where there is no database to look into. */
const spendingOf = (found: ((agent: string) => Spending) | void): ((agent: string) => Spending) | undefined =>
  found === undefined ? undefined : found

const today = ({ raised, reserved, today }: Spending, limit: Amount | undefined): string =>
  `${limit === undefined ? Spent.text(today) : Spent.textOf(today, Money.raised(limit, raised))}${
    limit === undefined || Spent.isZero(raised) ? "" : ` (raised by ${Spent.text(raised)})`
  }${Spent.isZero(reserved) ? "" : `, and up to ${Spent.text(reserved)} in flight`}`
