import { assert, describe, it } from "@effect/vitest"
import * as SecretRef from "@fermata/core/SecretRef"
import * as Engine from "@fermata/engine/Secrets"
import * as Step from "@fermata/engine/Step"
import * as TestHost from "@fermata/testing/TestHost"
import { Effect, Exit, Layer, Redacted, Schema } from "effect"
import { Workflow } from "effect/workflow"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Secrets from "../src/Secrets.ts"
import * as TempFolder from "./support/TempFolder.ts"

const W = Workflow.make("W", {
  payload: { id: Schema.String },
  success: Schema.String,
  error: Engine.SecretMissing,
  idempotencyKey: ({ id }) => id
})

/** What a step is told, letter by letter, or why it is told nothing. */
const told = (name: string, secrets: Layer.Layer<never>) => {
  const step = Step.make("ask", {
    success: Schema.String,
    error: Engine.SecretMissing,
    onCrash: "rerun",
    run: () => Effect.map(Engine.resolve(SecretRef.make(name)), (text) => Redacted.value(text).split("").join(" "))
  })
  return Effect.map(
    Effect.exit(W.execute({ id: "1" })),
    (exit) => Exit.isSuccess(exit) ? exit.value : JSON.stringify(exit)
  ).pipe(Effect.provide(
    W.toLayer(() => step()).pipe(Layer.provide(secrets), Layer.provideMerge(TestHost.TestHost.layer))
  ))
}

const withVariable = (name: string, value: string) =>
  Effect.acquireRelease(
    Effect.sync(() => void (process.env[name] = value)),
    () => Effect.sync(() => void delete process.env[name])
  )

describe("Secrets.layerEnv", () => {
  it.effect("finds secrets in the environment and, behind it, in a file, as they are when a step asks", () =>
    Effect.gen(function*() {
      const file = join(yield* TempFolder.make, ".env")
      const secrets = Secrets.layerEnv({ prefix: "FERMATA_TEST_", file })
      assert.include(yield* told("KEY", secrets), `the file ${file} cannot be read`)
      writeFileSync(file, "# keys\nFERMATA_TEST_KEY=\"in file\"\n")
      assert.strictEqual(yield* told("KEY", secrets), "i n   f i l e")
      yield* withVariable("FERMATA_TEST_KEY", "from env")
      assert.strictEqual(yield* told("KEY", secrets), "f r o m   e n v")
    }))

  it.effect("says which variable is not set, takes an empty one for none, and reads none that the prefix leaves out", () =>
    Effect.gen(function*() {
      const file = join(yield* TempFolder.make, ".env")
      writeFileSync(file, "OTHER=here\n")
      yield* withVariable("FERMATA_TEST_EMPTY", "")
      assert.include(
        yield* told("FERMATA_TEST_EMPTY", Secrets.layerEnv()),
        "the environment variable FERMATA_TEST_EMPTY is not set"
      )
      assert.include(
        yield* told("OTHER", Secrets.layerEnv({ prefix: "FERMATA_TEST_", file })),
        `the environment variable FERMATA_TEST_OTHER is not set, nor is it in the file ${file}`
      )
      assert.include(yield* told("toString", Secrets.layerEnv()), "is not set")
    }))
})
