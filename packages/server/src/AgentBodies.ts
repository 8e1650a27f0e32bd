/** What the webhooks of runs are sent where there are agents: of a run of an agent its response, of any other how it stands. */
import * as AgentResponse from "@fermata/agent/AgentResponse"
import * as StoredJson from "@fermata/core/StoredJson"
import { Runs } from "@fermata/engine/Runs"
import * as RunBody from "@fermata/operations/RunBody"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** For runs of these agents, by their names as they are now. Give it to `Webhooks.served`. */
export const layer = (agents: () => Iterable<string>): Layer.Layer<never> =>
  Layer.succeed(RunBody.RunBody, {
    of: (run, runs) =>
      Effect.option(runs.find(run)).pipe(
        Effect.flatMap((found) =>
          found._tag === "Some" && new Set(agents()).has(found.value.workflow)
            ? AgentResponse.of(run).pipe(
              Effect.provideService(Runs, runs),
              Effect.map(StoredJson.textOf),
              // A journal that cannot be read is told as the run stands.
              Effect.catch(() => RunBody.plain(run, runs))
            )
            : RunBody.plain(run, runs)
        )
      )
  })
