/** A process that commits to a run and says of each commit that it is recorded, once the store has said so. */
import { commit, start } from "@fermata/testing/backend/Fixtures"
import * as Effect from "effect/Effect"
import { writeSync } from "node:fs"
import * as SqliteBackend from "../../src/SqliteBackend.ts"

const [file, synchronous, count] = [process.argv[2]!, process.argv[3] as "FULL" | "NORMAL", Number(process.argv[4])]

await Effect.gen(function*() {
  const backend = yield* SqliteBackend.make({ file, synchronous })
  yield* backend.write([start("r", { owner: "a" })])
  for (let index = 0; index < count; index++) {
    yield* backend.write([commit("r", index, [`entry ${index}`])])
    writeSync(1, `recorded ${index}\n`)
  }
}).pipe(Effect.scoped, Effect.runPromise)
