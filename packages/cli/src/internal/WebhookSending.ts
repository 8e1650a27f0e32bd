/** Has a worker tell those who are told of what happens: makes deliveries of what is committed, and sends them. */
import { Feed } from "@fermata/engine/Feed"
import { Webhooks } from "@fermata/operations/Webhooks"
import * as AgentBodies from "@fermata/server/AgentBodies"
import * as Layer from "effect/Layer"

/** With what a run of each of these agents has come to, where such a run tells somebody. */
export const layer = (agents: ReadonlyArray<string>) =>
  Webhooks.served().pipe(Layer.provide(Feed.layer), Layer.provide(AgentBodies.layer(() => agents)))
