/** Agents that take a turn at times: a schedule whose slots are runs of an agent. */
import type { ProducerTaken, ScheduleOptions, ScheduleRefused } from "@fermata/core/Schedule"
import type { StorageFailed } from "@fermata/engine/Backend"
import type { Engine } from "@fermata/engine/Engine"
import { Schedules } from "@fermata/engine/Schedules"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

/** When an agent takes a turn, and what it is given. */
export interface Options<In extends Schema.Top> extends Omit<ScheduleOptions, "target"> {
  /** What `Agent.make` has made. */
  readonly agent: { readonly name: string; readonly input: In }
  /** What it is given each time; its `prompt` makes of that what the model is asked. */
  readonly input: In["Type"]
  /** Who says so, as is recorded; `program` when absent. */
  readonly by?: string
}

/**
 * A schedule of this name, said whenever a process starts: with the same words it
 * is left as it is. Each slot is one run of the agent. The agent is served beside
 * it (`Agent.layer`), by this process or another. An input that its schema does
 * not take is a defect.
 */
export const make = <In extends Schema.Top>(
  name: string,
  { agent, by = "program", input, ...options }: Options<In>
): Layer.Layer<never, ScheduleRefused | ProducerTaken | StorageFailed, Engine> =>
  Layer.unwrap(Effect.suspend(() =>
    Effect.map(
      Effect.orDie(Schema.encodeUnknownEffect(Schema.toCodecJson(agent.input))(input)) as Effect.Effect<unknown>,
      (given) =>
        Schedules.saying(name, { ...options, target: { workflow: agent.name, input: { id: name, input: given } } }, {
          by
        })
    )
  ))
