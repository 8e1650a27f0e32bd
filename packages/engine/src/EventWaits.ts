/**
 * Waits for events in the body of a workflow. What such a wait takes is
 * journaled as the outcome of a step, so that a replay reads and judges nothing.
 */
import * as Effect from "effect/Effect"
import type { WorkflowInstance } from "effect/workflow/WorkflowEngine"
import { Engine } from "./Engine.ts"
import type { EventAnswer, EventQuestion } from "./internal/run/Ask.ts"
import { CurrentRun } from "./internal/run/RunPort.ts"

/**
 * Waits for an event that fits and that no wait of this run has taken, the first
 * in the order of their commits. The run must have been started with a
 * subscription to the event (`StartRequest.subscriptions`), and then takes also
 * one that came before it asked. `wants` judges beside the run, with the services
 * of the fiber that asks.
 */
export const take = (
  question: Omit<EventQuestion, "asker">
): Effect.Effect<EventAnswer, never, Engine | WorkflowInstance> =>
  Effect.gen(function*() {
    yield* Engine
    const place = yield* CurrentRun
    if (place === undefined || place.step !== undefined) {
      return yield* Effect.die(
        new Error(
          `Step "${question.step}" waits for an event in the body of a workflow, not in a step or outside a run`
        )
      )
    }
    return yield* place.run.events.ask({ ...question, asker: yield* Effect.context<never>() })
  })

export type { EventAnswer, EventQuestion }
