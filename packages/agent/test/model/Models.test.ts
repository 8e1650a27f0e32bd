import { assert, describe, it } from "@effect/vitest"
import { type Model, Models as ModelsService, ModelUnavailable } from "@fermata/agent/Model"
import * as Anthropic from "@fermata/agent/model/Anthropic"
import * as Models from "@fermata/agent/model/Models"
import { Effect, Stream } from "effect"

const provider = (name: string, models: ReadonlyArray<string>): Models.Provider => ({
  name,
  models,
  names: `${name}/*`,
  find: (asked) =>
    asked.startsWith(`${name}/`)
      ? Effect.succeed(
        { name: asked, provider: name, contextWindow: 1, maxOutput: 1, stream: () => Stream.empty } satisfies Model
      )
      : undefined
})

describe("the models of a process", () => {
  it.effect("come from several providers, each by its own names", () =>
    Effect.gen(function*() {
      const models = yield* ModelsService
      assert.strictEqual((yield* models.get("a/one")).provider, "a")
      assert.strictEqual((yield* models.get("b/two")).provider, "b")
      assert.deepStrictEqual(models.names, ["a/one", "b/two"])
    }).pipe(Effect.provide(Models.layer([provider("a", ["a/one"]), provider("b", ["b/two"])]))))

  it.effect("say what is known, and what to bring, for a name that nobody answers to", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(
        Models.make([provider("a", ["a/one"]), Anthropic.provider()]).get("openai/gpt-5.5")
      )
      assert.instanceOf(error, ModelUnavailable)
      for (
        const words of ["openai/gpt-5.5", "a (a/*)", "anthropic (claude-*)", "a/one", "claude-opus-5-5", "Models.layer"]
      ) {
        assert.include(error.message, words)
      }
      const empty = yield* Effect.flip(Models.make([]).get("x"))
      assert.include(empty.message, "no provider of models")
    }))
})
