/**
 * Channels: an event that comes in becomes a run of an agent.
 *
 * A channel reads what an event says by a schema, makes of it what its agent is
 * given, and runs the agent: by hand (`run`, `start`), or, where its layer is
 * served, for every event that is published under its name.
 *
 * @example
 * ```ts
 * const SlackMessage = Channel.make({
 *   name: "slack-message",
 *   parse: Schema.Struct({ text: Schema.String }),
 *   agent: Helper,
 *   input: ({ text }) => text
 * })
 * ```
 */
import * as EventName from "@fermata/core/EventName"
import type { Engine } from "@fermata/engine/Engine"
import { Feed } from "@fermata/engine/Feed"
import type { HostClock } from "@fermata/engine/HostClock"
import type { Store } from "@fermata/engine/Store"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { WorkflowEngine } from "effect/workflow/WorkflowEngine"
import type { Result, RunOptions } from "./Agent.ts"
import type { AgentFailed } from "./AgentErrors.ts"
import * as ChannelReader from "./internal/ChannelReader.ts"

/** What came in is nothing that the channel reads. No run was started. */
export class ChannelRefused extends Schema.TaggedError<ChannelRefused>()("ChannelRefused", {
  channel: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `Channel "${this.channel}" does not read this: ${this.problem}`
  }
}

/** What a channel reads, and what it makes of that. */
export interface Options<Event extends Schema.Top, Given, Out> {
  /** The name of the events that it takes. */
  readonly name: string
  /** What such an event says. It needs nothing. */
  readonly parse: Event & Schema.Decoder<Event["Type"]>
  /** What `Agent.make` has made. */
  readonly agent: {
    readonly run: (given: Given, options?: RunOptions) => Effect.Effect<Result<Out>, AgentFailed, WorkflowEngine>
    readonly start: (given: Given, options?: RunOptions) => Effect.Effect<string, never, WorkflowEngine>
  }
  /** What the agent is given. */
  readonly input: (event: Event["Type"]) => NoInfer<Given>
}

/** A channel. */
export interface Channel<Out> {
  readonly name: string
  /** Runs the agent with what came in, and waits for what it comes to. With an `id`, what comes in again is the same run. */
  readonly run: (
    event: unknown,
    options?: RunOptions
  ) => Effect.Effect<Result<Out>, AgentFailed | ChannelRefused, WorkflowEngine>
  /** Starts a run with what came in, and gives its id when it is recorded. */
  readonly start: (event: unknown, options?: RunOptions) => Effect.Effect<string, ChannelRefused, WorkflowEngine>
  /**
   * Starts a run for each event that is published under its name, once however
   * many processes serve it and wherever they die; in the tenant of the event.
   * It begins with what is published once it was served for the first time. What
   * is published while nobody serves it is taken up later, as long as events are
   * kept (`EngineOptions.keepUnaskedEventsMs`, an hour). An event that it cannot
   * read is told to the log and passed over. The agent is served beside it.
   */
  readonly layer: Layer.Layer<never, never, Engine | HostClock | Store | WorkflowEngine>
}

/** Defines a channel. Throws for a name that no event can have. */
export const make = <Event extends Schema.Top, Given, Out>(
  { agent, input, name, parse }: Options<Event, Given, Out>
): Channel<Out> => {
  if (!Schema.is(EventName.EventName)(name)) {
    throw new Error(`A channel cannot be named ${JSON.stringify(name)}: its name is that of its events`)
  }
  const decode = Schema.decodeUnknownEffect(parse)
  const read = (event: unknown): Effect.Effect<Given, ChannelRefused> =>
    decode(event).pipe(
      Effect.mapError((error) => new ChannelRefused({ channel: name, problem: error.message })),
      Effect.flatMap((parsed) =>
        Effect.try({
          try: () => input(parsed),
          catch: (cause) => new ChannelRefused({ channel: name, problem: `its input threw: ${String(cause)}` })
        })
      )
    )
  const start: Channel<Out>["start"] = (event, options) =>
    Effect.flatMap(read(event), (given) => agent.start(given, options))
  return {
    name,
    run: (event, options) => Effect.flatMap(read(event), (given) => agent.run(given, options)),
    start,
    layer: Layer.provide(
      Layer.effectDiscard(ChannelReader.serve(name, (event, id) => start(event, { id }))),
      Feed.layer
    )
  }
}
