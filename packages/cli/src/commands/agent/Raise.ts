import type { AgentHead } from "@fermata/api/AgentsGroup"
import * as Spent from "@fermata/core/Spent"
import * as SpentByDay from "@fermata/core/SpentByDay"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { refused } from "../../CommandFailed.ts"
import * as Commands from "../../Commands.ts"
import { type Globals, globals } from "../../Globals.ts"
import * as Money from "../../Money.ts"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Words from "../../Words.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata agent raise` */
export const commandAgentRaise = Command.make("raise", {
  agent: Argument.String("agent").pipe(Argument.withDescription("The name of an agent of the configuration")),
  amount: Argument.String("amount").pipe(
    Argument.withDescription("By how much: US dollars, such as 1 or 0.25, or tokens, such as 50000tokens")
  ),
  day: Arguments.text("day", "YYYY-MM-DD", "On which UTC day; without it on this one"),
  note: Arguments.text("note", "TEXT", "Why, for people who look at it later")
}, ({ agent: name, amount: given, day, note: why }) =>
  Effect.gen(function*() {
    const amount = yield* Money.readAmount("amount", given)
    const onDay = Option.getOrUndefined(day)
    if (onDay !== undefined && SpentByDay.read(onDay) === undefined) {
      return yield* refused("InvalidValue", `--day expects a day of the calendar such as 2026-11-30, found "${onDay}"`)
    }
    const values = yield* globals
    const { dailyBudget } = values.server === undefined ? yield* configured(values, name) : yield* there(name)
    if (dailyBudget === undefined) {
      return yield* refused(
        "NotLimited",
        `Agent "${name}" has no dailyBudget: what all its runs together may spend on a day has no limit that could be raised`
      )
    }
    for (const [unit, word, usual] of units) {
      if (amount[unit] === undefined || dailyBudget[unit] !== undefined) continue
      return yield* refused(
        "NotLimited",
        `The dailyBudget of agent "${name}" has no limit in ${word}: it is ${Spent.text(dailyBudget)}`,
        [`raise that: ${Commands.raiseDay(name, usual)}`]
      )
    }
    yield* withOperator({ command: "agent raise", existing: true, idle: true }, (operator, { as, json }) =>
      Effect.gen(function*() {
        const raised = yield* operator.refine(
          Effect.catchTag(
            operator.runs.raiseDay(name, {
              ...amount,
              by: as,
              ...(onDay === undefined ? {} : { day: onDay }),
              ...(Option.isSome(why) ? { note: why.value } : {})
            }),
            "WorkflowNotFound",
            () =>
              refused(
                "NotRun",
                `Agent "${name}" has never run in this database, so nothing was spent that its limit holds`
              )
          )
        )
        const limit = Money.raised(dailyBudget, raised.raised)
        if (json) {
          return yield* document({ ...raised, limit })
        }
        yield* note(
          `what agent "${name}" may spend on ${raised.day} (UTC) is raised by ${Spent.text(amount)}, and is ${
            Spent.text(limit)
          } now`
        )
        if (raised.told.length === 0) {
          return
        }
        yield* note(`  told of it: ${Words.count(raised.told.length, "run")} on the way or waiting for a budget`)
        const workers = (yield* operator.refine(operator.runs.owners)).filter(({ alive, worker }) =>
          alive && worker
        )
        if (workers.length === 0) {
          yield* note(
            `  no worker is running${operator.there === undefined ? "" : " there"}, so that they go on once one is${
              operator.there === undefined ? `: ${Commands.workOnWhatWasRaised()}` : ""
            }`
          )
        }
      }))
  })).pipe(
    Command.withDescription("Let all runs of an agent together spend more on one day than its dailyBudget says"),
    Sides.either,
    Command.withExamples([
      { command: "fermata agent raise reviewer 2.50", description: "Two and a half dollars more on this UTC day" },
      {
        command: "fermata agent raise reviewer 50000tokens --day 2026-12-24 --note 'a large release'",
        description: "Tokens, on another day"
      }
    ])
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const units = [["micros", "dollars", "tokens"], ["tokens", "tokens", "usd"]] as const

const configured = Effect.fnUntraced(function*(values: Globals, name: string) {
  const Config = yield* Effect.promise(() => import("../../Config.ts"))
  const Agents = yield* Effect.promise(() => import("../../Agents.ts"))
  return Agents.headOf(yield* Agents.named(yield* Config.loadOrRecall(values, [process.cwd()], name), name))
})

/** The agent of this name that a server has. */
const there = (name: string) =>
  withOperator({ command: "agent raise" }, (operator) =>
    Effect.gen(function*() {
      const Agents = yield* Effect.promise(() => import("../../Agents.ts"))
      const { agents, url } = operator.there!
      return yield* Agents.namedThere(yield* agents, name, url)
    })).pipe(Effect.map((head) => head as AgentHead))
