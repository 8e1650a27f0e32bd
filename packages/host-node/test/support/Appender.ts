/** A process that starts a run of its own, appends to it, and writes to the inbox of a run that all share. */
import { commit, inbox, start } from "@fermata/testing/backend/Fixtures"
import * as Effect from "effect/Effect"
import * as SqliteBackend from "../../src/SqliteBackend.ts"

const [file, name, count] = [process.argv[2]!, process.argv[3]!, Number(process.argv[4])]

await Effect.gen(function*() {
  const backend = yield* SqliteBackend.make({ file })
  yield* backend.write([start("shared", { dueAt: null }), start(name, { owner: name })])
  for (let index = 0; index < count; index++) {
    const [appended, told] = yield* backend.write([
      commit(name, index, [`${name}:${index}`]),
      inbox("shared", `${name}:${index}`)
    ])
    if (!appended.ok || told.result !== "accepted") {
      return yield* Effect.die(new Error(`refused: ${JSON.stringify([appended, told])}`))
    }
  }
}).pipe(Effect.scoped, Effect.runPromise)
