/** One run per language, each with a journal of its own; the parent waits for all of them. */
import * as Approval from "@fermata/engine/Approval"
import * as Step from "@fermata/engine/Step"
import { Context, Effect, Layer, Schema } from "effect"
import { Workflow } from "effect/workflow"

export class Translator extends Context.Service<Translator, {
  readonly translate: (text: string, language: string) => Effect.Effect<string>
}>()("parent-and-children/Translator") {
  static readonly layerScripted = Layer.succeed(Translator, {
    translate: (text, language) =>
      Effect.sync(() => {
        console.log(`  translating into ${language}`)
        return `[${language}] ${text}`
      })
  })
}

const translate = Step.make("translate", {
  input: { text: Schema.String, language: Schema.String },
  success: Schema.String,
  onCrash: "rerun",
  label: "llm",
  run: ({ language, text }) => Translator.use((translator) => translator.translate(text, language))
})

export const TranslatePage = Workflow.make("translate-page", {
  payload: { page: Schema.String, text: Schema.String, language: Schema.String, review: Schema.Boolean },
  success: Schema.String,
  error: Approval.Denied,
  idempotencyKey: ({ language, page }) => `${page}/${language}`
})

export const TranslatePageLayer = TranslatePage.toLayer(
  Effect.fn("TranslatePage")(function*(page) {
    const draft = yield* translate({ text: page.text, language: page.language })
    if (!page.review) return draft
    const { args } = yield* Approval.ask("review", {
      prompt: `Publish the ${page.language} translation of ${page.page}?`,
      approvers: ["editor"],
      args: { schema: Schema.String, value: draft, editable: true },
      deadline: "7 days"
    })
    return args
  })
)

export const TranslateSite = Workflow.make("translate-site", {
  payload: {
    page: Schema.String,
    text: Schema.String,
    languages: Schema.Array(Schema.String),
    review: Schema.Array(Schema.String)
  },
  success: Schema.Record(Schema.String, Schema.String),
  error: Approval.Denied,
  idempotencyKey: ({ page }) => page
})

export const TranslateSiteLayer = TranslateSite.toLayer(
  Effect.fn("TranslateSite")(
    function*({ languages, page, review, text }) {
      const translations = yield* Effect.forEach(
        languages,
        (language) => TranslatePage.execute({ page, text, language, review: review.includes(language) }),
        { concurrency: 2 }
      )
      return Object.fromEntries(languages.map((language, index) => [language, translations[index]!]))
    }
  )
)

export const layer = Layer.merge(TranslatePageLayer, TranslateSiteLayer)
