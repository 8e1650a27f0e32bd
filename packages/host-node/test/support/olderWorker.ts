/**
 * A worker on the database of `OLDER_DB`, of the build in whose folder it lies
 * with `OlderWork.ts`; `test/e2e/older.integration.test.ts` puts both into a
 * checkout of an older commit. It does what it reads: `start WAY` starts a run
 * and says when that is over, `go` lets the bodies of its steps end, and the end of its input ends it.
 */
import { Runs } from "@fermata/engine/Runs"
import { Deferred, Effect, Layer } from "effect"
import { createInterface } from "node:readline"
import * as Migrations from "../../src/Migrations.ts"
import * as NodeHost from "../../src/NodeHost.ts"
import { layer, Older } from "./OlderWork.ts"

const go = Deferred.makeUnsafe<void>()
const say = (text: string) => console.log(text)

const app = layer((step) =>
  Effect.suspend(() => {
    say(`did ${step};`)
    return Deferred.await(go)
  })
).pipe(
  Layer.provideMerge(Runs.layer),
  Layer.provideMerge(NodeHost.layer({ db: process.env["OLDER_DB"]!, pollMs: 100 }))
)

const works = Effect.gen(function*() {
  say(`works, and knows ${Migrations.migrations.length} migrations;`)
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  while (true) {
    const { done, value } = yield* Effect.promise(() => lines.next())
    if (done === true) return
    const [verb, way] = value.split(" ")
    if (verb === "start") {
      yield* Effect.forkChild(Effect.tap(Older.execute({ way: way! }), () => Effect.sync(() => say(`${way} is over;`))))
    } else Deferred.doneUnsafe(go, Effect.void)
  }
})

Effect.runPromise(Effect.provide(works, app) as Effect.Effect<void>).catch((cause: unknown) => {
  say(`ended: ${String(cause)}`)
  process.exitCode = 1
})
