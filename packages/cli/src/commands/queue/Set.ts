import type { QueueSettings } from "@fermata/core/TaskQueue"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { refused } from "../../CommandFailed.ts"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

const count = (name: string, least: number, description: string) =>
  Flag.Int(name).pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(description),
    Flag.filter((value) => value >= least, (value) => `${value} is below ${least}`),
    Flag.optional
  )

const rate = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("N/SECONDS"),
    Flag.withDescription(description),
    Flag.filterMap(
      (text) => {
        const match = /^([1-9]\d*)\/([1-9]\d*)$/.exec(text)
        return match === null
          ? Option.none()
          : Option.some({ count: Number(match[1]), perMs: Number(match[2]) * 1_000 })
      },
      (text) => `expected so many in so many seconds, as 100/60, found ${text}`
    ),
    Flag.optional
  )

/** `fermata queue set` */
export const commandQueueSet = Command.make(
  "set",
  {
    name: Argument.String("name").pipe(Argument.withDescription("The queue, which need not have had a task yet")),
    concurrency: count("concurrency", 1, "Tasks at work at a time"),
    perLane: count("per-lane", 1, "Tasks of one lane at work at a time"),
    rate: rate("rate", "Tasks begun over time"),
    laneRate: rate("lane-rate", "Tasks of one lane begun over time"),
    maxQueued: count("max-queued", 0, "Tasks that may wait"),
    attempts: count("attempts", 1, "How often a task may fail"),
    delays: Flag.String("delays").pipe(
      Flag.withMetavar("SECONDS,…"),
      Flag.withDescription("How long a task waits before the second attempt, the third, and so on; needs --attempts"),
      Flag.filterMap(
        (text) => {
          const seconds = text.split(",").map(Number)
          return seconds.every((value) => value >= 0) && text !== ""
            ? Option.some(seconds.map((value) => Math.round(value * 1_000)))
            : Option.none()
        },
        (text) => `expected seconds, as 1,10,60, found ${text}`
      ),
      Flag.optional
    ),
    none: Flag.Boolean("none").pipe(
      Flag.withoutNegation,
      Flag.withDescription("Take all its limits away"),
      Flag.withDefault(false)
    )
  },
  ({ attempts, delays, name, none, ...limits }) =>
    Effect.gen(function*() {
      if (Option.isSome(delays) && Option.isNone(attempts)) {
        return yield* refused(
          "InvalidValue",
          "--delays says how long is waited between attempts, and nothing how many there are",
          [
            "give --attempts N"
          ]
        )
      }
      const settings: QueueSettings = {
        ...Arguments.given(limits),
        ...(Option.isNone(attempts)
          ? {}
          : { retry: { attempts: attempts.value, delaysMs: Option.getOrElse(delays, () => [1_000, 10_000, 60_000]) } })
      }
      if (none !== (Object.keys(settings).length === 0)) {
        return yield* refused(
          "InvalidValue",
          none
            ? "--none takes all limits away, and another option sets one"
            : "nothing says what the queue lets through",
          ["give --concurrency, --per-lane, --rate, --lane-rate, --max-queued or --attempts, or --none"]
        )
      }
      yield* withOperator({ command: "queue set", idle: true }, (operator, { as, json }) =>
        Effect.gen(function*() {
          const queue = yield* operator.refine(operator.tasks.configure(name, settings, { by: as }))
          if (json) return yield* document(queue)
          yield* note(`queue ${queue.name} is set; ${queue.queued} tasks wait in it and ${queue.running} are at work`)
        }))
    })
).pipe(
  Command.withDescription("Say what a queue lets through, in place of what it let through before"),
  Sides.either,
  Command.withExamples([
    {
      command: "fermata queue set reports --concurrency 4 --per-lane 1",
      description: "Four at a time, one of each lane"
    },
    {
      command: "fermata queue set reports --rate 100/60 --attempts 5 --delays 1,30",
      description: "100 a minute, tried five times"
    },
    { command: "fermata queue set reports --none", description: "As many as it likes" }
  ])
)
