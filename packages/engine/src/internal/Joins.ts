/** Runs that are started again under their key, with another input than they have. */
import * as SameJson from "@fermata/core/SameJson"
import * as StoredJson from "@fermata/core/StoredJson"
import * as Upcast from "@fermata/core/Upcast"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { RunRow, StartOp, StorageFailed } from "../Backend.ts"
import type { Store } from "../Store.ts"

/** Whether the run was started with another input than this one, as JSON. Of a run whose first entry cannot be read nobody knows. */
export const hasOtherInput = (
  store: Store["Service"],
  runId: string,
  payload: unknown
): Effect.Effect<boolean, StorageFailed> =>
  store.journal(runId, 0, 1).pipe(
    Effect.map(([first]) =>
      first?._tag === "RunRequested" && !SameJson.same(first.payload, StoredJson.read(payload) ?? null)
    ),
    Effect.catchTag("EntryCorrupt", () => Effect.succeed(false))
  )

/** Tells those who read the logs, where a program joins a run by its key and cannot be told itself. */
export const tellOtherInput = (store: Store["Service"], run: RunRow, payload: unknown): Effect.Effect<void> =>
  Effect.flatMap(Effect.orElseSucceed(hasOtherInput(store, run.id, payload), () => false), (isOther) =>
    isOther
      ? Effect.logWarning(
        `Workflow "${run.workflow}" was asked for with the key of run ${run.id} and another input: that run and its input stand`
      )
      : Effect.void)

/** The input in the first entry of a run that was to be started. */
export const payloadOf = ({ blobs, rows, run }: StartOp): unknown => {
  const first = Upcast.read(run.id, 0, rows[0] ?? "")
  if (Exit.isFailure(first) || first.value._tag !== "RunRequested") return undefined
  const hash = first.value.blobs?.["payload"]
  return hash === undefined ? first.value.payload : JSON.parse(blobs.find((blob) => blob.hash === hash)?.data ?? "null")
}
