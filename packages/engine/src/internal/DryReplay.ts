/**
 * Replays a run without owning it, to look at what its code asks for. Nothing
 * is written, no step begins, and the run is dropped where the replay ends.
 */
import type { EntryCorrupt } from "@fermata/core/Upcast"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { RunRow, StorageFailed } from "../Backend.ts"
import type { Store } from "../Store.ts"
import type { EngineRuntime } from "./EngineRuntime.ts"
import type { StepDefinition } from "./run/Ask.ts"
import { RunExecutor } from "./RunExecutor.ts"
import { dryHost } from "./RunReplay.ts"

/** A dry replay whose code waits for something of its own this long (ms, host time) ends without a result. */
const patienceMs = 5_000

/** The step under this key as the code asks for it; undefined where this process does not serve the run, or its code does not come to it. */
export const stepOf = (
  runtime: EngineRuntime,
  store: Store["Service"],
  row: RunRow,
  key: string
): Effect.Effect<StepDefinition | undefined, EntryCorrupt | StorageFailed> =>
  Effect.gen(function*() {
    const awake = runtime.pool.get(row.id)?.definitionOf(key)
    if (awake !== undefined) return awake
    const registration = yield* runtime.loading.registrationOf(row)
    if (registration === undefined) return undefined
    const history = yield* store.journal(row.id)
    const [first] = history
    if (first?._tag !== "RunRequested") return undefined
    const payload = yield* Effect.orElseSucceed(registration.decodePayload(first.payload), () => undefined)
    if (payload === undefined) return undefined
    const over = Deferred.makeUnsafe<void>()
    const end = () => void Deferred.doneUnsafe(over, Effect.void)
    // The first thing that the run would write is the end of what it has written.
    const host = dryHost(runtime, { commit: end, commitTogether: end, parked: end, gone: end })
    const executor = new RunExecutor(host, registration, row, payload, history)
    executor.start()
    yield* Effect.raceFirst(Deferred.await(over), runtime.host.hostSleep(patienceMs))
    const definition = executor.definitionOf(key)
    executor.drop()
    return definition
  })
