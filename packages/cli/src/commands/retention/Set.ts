import { mostKept, type RetentionRule, scopeText } from "@fermata/core/Retention"
import * as TimeText from "@fermata/core/TimeText"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { refused } from "../../CommandFailed.ts"
import { document, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"
import * as Scope from "./Scope.ts"

/** `fermata retention set` */
export const commandRetentionSet = Command.make(
  "set",
  {
    ...Scope.flags,
    maxAge: Flag.optional(Arguments.age("max-age", "How long after its end a run goes")),
    maxCount: Flag.Int("max-count").pipe(
      Flag.withMetavar("N"),
      Flag.withDescription("How many runs of each workflow and status are kept, those that ended last"),
      Flag.filter(
        (count) => count >= 0 && count <= mostKept,
        (count) => `expected a whole number from 0 to ${mostKept}, found ${count}`
      ),
      Flag.optional
    )
  },
  ({ maxAge, maxCount, ...scope }) =>
    Effect.gen(function*() {
      if (Option.isNone(maxAge) && Option.isNone(maxCount)) {
        return yield* refused("InvalidValue", "nothing says for how long runs are kept", [
          "give --max-age 30d, --max-count 1000, or both"
        ])
      }
      yield* withOperator({ command: "retention set", idle: true }, (operator, { as, json }) =>
        Effect.gen(function*() {
          const rule = yield* operator.refine(operator.retention.set({
            ...Scope.of(scope),
            ...(Option.isSome(maxAge) ? { maxAgeMs: maxAge.value } : {}),
            ...(Option.isSome(maxCount) ? { maxCount: maxCount.value } : {})
          }, { by: as }))
          if (json) return yield* document(rule)
          yield* note(`${scopeText(rule)} ${limitText(rule)}`)
        }))
    })
).pipe(
  Command.withDescription("Say for how long some runs are kept, in place of what was said of just these before"),
  Sides.either,
  Command.withExamples([
    { command: "fermata retention set --max-age 30d", description: "Every run goes a month after its end" },
    {
      command: "fermata retention set --workflow order --status failed --max-age 365d",
      description: "But those of a workflow that failed stay for a year"
    },
    { command: "fermata retention set --max-count 1000", description: "A thousand of each workflow and status" }
  ])
)

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const limitText = ({ maxAgeMs, maxCount }: RetentionRule): string =>
  [
    ...(maxAgeMs === undefined ? [] : [`go ${TimeText.duration(maxAgeMs)} after their end`]),
    ...(maxCount === undefined ? [] : [`are kept as far as ${maxCount} of each workflow and status`])
  ].join(", and ")
