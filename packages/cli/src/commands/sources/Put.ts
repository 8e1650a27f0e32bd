import { type SourceDeclaration, SourceRefused } from "@fermata/core/Source"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { type CommandFailed, refused } from "../../CommandFailed.ts"
import * as JsonOption from "../../JsonOption.ts"
import { document, note } from "../../Output.ts"
import { refine } from "../../Refine.ts"
import { withOperator } from "../../Session.ts"
import * as Sides from "../../Sides.ts"
import * as Arguments from "../Arguments.ts"

/** `fermata sources put` */
export const commandSourcesPut = Command.make("put", {
  source: Arguments.source,
  declaration: Argument.String("declaration").pipe(
    Argument.withDescription("What it is: JSON, or @file"),
    Argument.optional
  ),
  bridge: Arguments.text("bridge", "NAME", "With the mapping of this bridge, in place of a declaration"),
  secret: Flag.String("secret").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("With --bridge: the name of a secret that the sender signs with; may be repeated"),
    Flag.atLeast(0)
  )
}, ({ bridge, declaration, secret, source }) =>
  Effect.gen(function*() {
    const said = Option.isSome(bridge)
      ? yield* ofBridge(bridge.value, secret, Option.isSome(declaration))
      : yield* written(declaration, secret)
    const { problemOf } = yield* Effect.promise(() => import("@fermata/operations/Sources"))
    const problem = problemOf(source, said)
    if (problem !== undefined) return yield* refine(Effect.fail(new SourceRefused({ source, problem })))
    yield* withOperator({ command: "sources put", idle: true }, (operator, { as, json }) =>
      Effect.gen(function*() {
        const view = yield* operator.refine(operator.sources.put(source, said as SourceDeclaration, { by: as }))
        if (json) return yield* document(view)
        yield* note(`source ${view.name} takes what is signed (${view.signature.type}) and sent to /hooks/${view.name}`)
        if (view.paused) yield* note(`  it is paused, and stays so until it is resumed`)
      }))
  })).pipe(
    Command.withDescription("Say who may send webhooks, and what comes of what they send"),
    Sides.either,
    Command.withExamples([
      { command: "fermata sources put billing @billing.json", description: "As a file says it" },
      {
        command: "fermata sources put github --bridge github --secret GITHUB_WEBHOOK",
        description: "Pull requests that are merged become tasks"
      }
    ])
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const ofBridge = Effect.fnUntraced(function*(
  name: string,
  secrets: ReadonlyArray<string>,
  isDeclared: boolean
): Effect.fn.Return<unknown, CommandFailed> {
  if (isDeclared) {
    return yield* refused("InvalidValue", "a bridge says what the source is, and so does the declaration", [
      "give one of the two"
    ])
  }
  const { bridges } = yield* Effect.promise(() => import("@fermata/operations/Bridges"))
  const signed = bridges.filter(({ scheme }) => scheme !== undefined)
  const found = signed.find((bridge) => bridge.name === name)
  if (found === undefined) {
    return yield* refused("InvalidValue", `--bridge: no bridge "${name}" is for what is signed`, [
      `there is ${signed.map((bridge) => bridge.name).join(", ")}`
    ])
  }
  if (secrets.length === 0) {
    return yield* refused("InvalidValue", `--bridge ${name} needs the name of the secret that its sender signs with`, [
      "give --secret NAME"
    ])
  }
  return {
    description: found.description,
    signature: { ...found.scheme, secrets: secrets.map((secret) => ({ secret })) },
    mapping: found.mapping
  }
})

const written = (
  declaration: Option.Option<string>,
  secrets: ReadonlyArray<string>
): Effect.Effect<unknown, CommandFailed> =>
  Option.isNone(declaration)
    ? Effect.fail(refused("InvalidValue", "nothing says what the source is", ["give a declaration, or --bridge NAME"]))
    : secrets.length > 0
    ? Effect.fail(refused("InvalidValue", "--secret goes with --bridge", ["name the secrets in the declaration"]))
    : JsonOption.read("declaration", declaration.value)
