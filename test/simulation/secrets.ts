/** A run whose steps are told secrets and give them on in every way, while everything goes wrong. */
import * as SecretRef from "@fermata/core/SecretRef"
import { Events } from "@fermata/engine/Events"
import * as Secrets from "@fermata/engine/Secrets"
import * as Step from "@fermata/engine/Step"
import * as Workflows from "@fermata/engine/Workflows"
import { Effect, Layer, Option, Redacted, Schedule, Schema } from "effect"
import { Workflow } from "effect/workflow"

const secrets = { KEY: "sk-canary-4eC39HqLyjWDarjt", PASSWORD: "p@ss/wörd \"1\"" }

const base64 = (text: string) => btoa(String.fromCodePoint(...new TextEncoder().encode(text)))

/** As they may stand in a store: none of these is there. */
export const texts: ReadonlyArray<string> = Object.values(secrets).flatMap((text) => [
  text,
  JSON.stringify(text).slice(1, -1),
  encodeURIComponent(text),
  base64(text).slice(0, -3)
])

/** What stands in their place, which a store that lies makes the secret again. */
export const replaced = (text: string): string => text.replaceAll(SecretRef.mark("KEY"), secrets.KEY)

const key = SecretRef.make("KEY")
const password = SecretRef.make("PASSWORD")

const told = (ref: SecretRef.SecretRef) => Effect.orDie(Effect.map(Secrets.resolve(ref), Redacted.value))

/** What a server gives back. */
const echo = Effect.gen(function*() {
  const [user, pass] = [yield* told(key), yield* told(password)]
  return {
    [user]: pass,
    url: `?user=${encodeURIComponent(user)}&pass=${encodeURIComponent(pass)}`,
    headers: [`Bearer ${user}`, `Basic ${base64(pass)}`],
    body: JSON.stringify({ user, pass })
  }
})

class Refused extends Schema.TaggedError<Refused>()("Refused", { answer: Schema.Unknown }) {}

const Errand = Workflow.make("secret errand", {
  payload: { id: Schema.String, answer: Schema.Unknown },
  success: Schema.Unknown,
  idempotencyKey: ({ id }) => id
})
export const Told = Workflow.make("told secrets", {
  payload: { id: Schema.String },
  success: Schema.Unknown,
  idempotencyKey: ({ id }) => id
})

const answered = Step.make("answered", { success: Schema.Unknown, onCrash: "rerun", run: () => echo })

const inner = Step.make("inner", {
  input: Schema.Unknown,
  success: Schema.Unknown,
  onCrash: "rerun-keyed",
  run: (input) => Effect.as(Effect.sleep("1 second"), input)
})

const outer = Step.make("outer", {
  success: Schema.Unknown,
  onCrash: "rerun-keyed",
  run: Effect.fnUntraced(function*(_, { idempotencyKey }) {
    const answer = yield* echo
    yield* Effect.orDie((yield* Events).emit("answered", answer, { id: idempotencyKey }))
    yield* Effect.logInfo("answered", answer)
    const given = yield* inner(answer)
    return [given, yield* Errand.execute({ id: idempotencyKey, answer })]
  })
})

const refused = Step.make("refused", {
  error: Refused,
  onCrash: "rerun",
  retry: Schedule.spaced("1 minute").pipe(Schedule.upTo({ times: 1 })),
  run: () =>
    Effect.flatMap(
      echo,
      (answer) => Effect.fail(Object.assign(new Refused({ answer }), { cause: new Error(JSON.stringify(answer)) }))
    )
})

const died = Step.make("died", {
  onCrash: "rerun",
  run: () => Effect.flatMap(told(key), (text) => Effect.die(new Error(`${"x".repeat(3_990)}${text}`)))
})

const probed = Step.make("probed", {
  success: Schema.String,
  onCrash: "probe",
  probe: () => Effect.map(told(password), Option.some),
  run: () => Effect.andThen(Effect.sleep("1 second"), told(password))
})

export const layer = Layer.mergeAll(
  Errand.toLayer(({ answer }) => Effect.as(Effect.sleep("1 minute"), answer)),
  Told.toLayer(() =>
    Effect.gen(function*() {
      const all = yield* Effect.all([answered(), outer(), Effect.orDie(Effect.flip(refused())), probed()], {
        concurrency: 2
      })
      const defect = yield* Effect.exit(died())
      yield* Workflows.note("told", JSON.stringify(all))
      yield* Effect.logInfo("all", all, defect)
      return all
    })
  )
).pipe(Layer.provide(Layer.mergeAll(Events.layer, Secrets.layerMemory(secrets))))
