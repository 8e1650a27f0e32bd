import { scopes } from "@fermata/core/AccessToken"
import * as TimeText from "@fermata/core/TimeText"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { type CommandFailed, refused } from "../../CommandFailed.ts"
import { document, line, note } from "../../Output.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"

/** `fermata token create` */
export const commandTokenCreate = Command.make("create", {
  name: Argument.String("name").pipe(
    Argument.withDescription("Who acts by it, as is recorded; several tokens with one name are of one person")
  ),
  scope: Flag.Literals("scope", scopes).pipe(
    Flag.withDescription(
      "What it opens; may be repeated: read looks, operate starts and steers runs, approve answers questions, worker reports work, admin manages tokens"
    ),
    Flag.atLeast(1)
  ),
  group: Flag.String("group").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("A group that its person belongs to, as questions name those who may answer; may be repeated"),
    Flag.atLeast(0)
  ),
  expires: Flag.String("expires").pipe(
    Flag.withMetavar("TIME"),
    Flag.withDescription("When it runs out: after a while, such as 90d or 12h, or at a time, such as 2027-03-01"),
    Flag.optional
  )
}, ({ expires, group, name, scope }) =>
  Effect.gen(function*() {
    const ends = Option.isNone(expires) ? undefined : yield* readEnd(expires.value)
    yield* withOperator({ command: "token create", idle: true }, (operator, { as, json }) =>
      Effect.gen(function*() {
        const { text, token } = yield* operator.refine(operator.tokens.create({
          name,
          scopes: scope,
          groups: group,
          by: as,
          ...(ends === undefined ? {} : { expiresAt: ends(operator.now()) })
        }))
        if (json) return yield* document({ ...token, token: Redacted.value(text) })
        yield* line(Redacted.value(text))
        yield* note(
          `token ${token.id} of ${token.name}: ${token.scopes.join(", ")}${
            token.groups.length === 0 ? "" : `, as one of ${token.groups.join(", ")}`
          }${token.expiresAt === undefined ? "" : `, until ${TimeText.time(token.expiresAt)}`}; it is not shown again`
        )
      }))
  })).pipe(
    Command.withDescription("Make a token, and print it, once"),
    Sides.either,
    Command.withExamples([
      { command: "fermata token create ada --scope read --scope approve --group finance", description: "For a person" },
      { command: "fermata token create ci --scope operate --expires 90d", description: "For a program, for a while" }
    ])
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const units: Readonly<Record<string, number>> = { min: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** The time that a text names, by the time of now: after a while, or as ISO 8601. */
const readEnd = (text: string): Effect.Effect<(now: number) => number, CommandFailed> => {
  const [, count, unit] = /^(\d{1,6}) ?(min|h|d|w)$/.exec(text.trim()) ?? []
  if (count !== undefined) return Effect.succeed((now) => now + Number(count) * units[unit!]!)
  const time = /^\d{4}-\d{2}-\d{2}(T.*)?$/.test(text.trim()) ? DateTime.make(text.trim()) : Option.none()
  return Option.isSome(time)
    ? Effect.succeed(() => DateTime.toEpochMillis(time.value))
    : Effect.fail(
      refused("InvalidValue", `--expires expects 30min, 12h, 90d, 4w or a time such as 2027-03-01, found "${text}"`)
    )
}
