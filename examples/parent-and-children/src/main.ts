/**
 * node examples/parent-and-children/src/main.ts [--page NAME]         translates; the German page waits for an editor
 * node examples/parent-and-children/src/main.ts [--page NAME] --edit TEXT   the editor publishes this text instead
 */
import { NodeRuntime } from "@effect/platform-node"
import { Runs } from "@fermata/engine/Runs"
import * as NodeHost from "@fermata/host-node/NodeHost"
import { Effect, Layer, Schedule } from "effect"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { layer, TranslatePage, TranslateSite, Translator } from "./Translate.ts"

const { values } = parseArgs({
  options: {
    page: { type: "string", default: "welcome" },
    edit: { type: "string" },
    folder: { type: "string", default: ".fermata" }
  }
})

const { page } = values
const text = "Good morning!"
const db = join(values.folder, "translations.db")

const translate = Effect.gen(function*() {
  console.log(`translating ${page} into three languages; German waits for an editor (--edit TEXT in another terminal)`)
  const translations = yield* TranslateSite.execute({ page, text, languages: ["de", "fr", "eo"], review: ["de"] })
  for (const [language, text] of Object.entries(translations)) console.log(`${language}: ${text}`)
}).pipe(Effect.provide(layer.pipe(
  Layer.provide(Translator.layerScripted),
  Layer.provideMerge(NodeHost.layer({ db }))
)))

const publish = (edit: string) =>
  Effect.gen(function*() {
    const runs = yield* Runs
    const child = yield* TranslatePage.executionId({ page, text, language: "de", review: true })
    const { prompt } = yield* runs.answer(child, { decision: "approve", by: "editor", edit }).pipe(
      Effect.retry({
        while: ({ _tag }) => _tag === "RunNotFound" || _tag === "ApprovalNotOpen",
        schedule: Schedule.spaced("200 millis")
      })
    )
    console.log(`${prompt} Yes, as: ${edit}`)
  }).pipe(Effect.provide(Runs.layer.pipe(Layer.provideMerge(NodeHost.layer({ db, worker: false })))))

const program: Effect.Effect<void, unknown> = values.edit === undefined ? translate : publish(values.edit)

NodeRuntime.runMain(program)
