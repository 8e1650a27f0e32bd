/** A tool by which a model waits. The wait is one of its run: no process has to stay for it. */
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as AgentTool from "./AgentTool.ts"

/** Waits for so many seconds, a year at most. */
export const Sleep = Tool.make("Sleep", {
  description: "Waits for so many seconds, such as until something that was begun is done. Nothing is lost meanwhile.",
  parameters: Schema.Struct({ seconds: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 31_536_000 })) }),
  success: Schema.String
}).annotateMerge(AgentTool.rules({ onCrash: "rerun", safe: true, permission: "read" })).annotateMerge(AgentTool.inRun)

/** The tool, to be merged with those of an agent. */
export const toolkit = Toolkit.make(Sleep)

/** Waits in the run that calls. */
export const layer: Layer.Layer<Tool.HandlersFor<typeof toolkit.tools>> = toolkit.toLayer({
  Sleep: ({ seconds }) => Effect.as(Effect.sleep(seconds * 1_000), `${seconds} seconds are over`)
})
