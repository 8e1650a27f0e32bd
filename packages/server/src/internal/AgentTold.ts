/** The stream of an agent and its subagents, in the form that its reader asks for. */
import * as AgentEncoding from "@fermata/agent/AgentEncoding"
import * as AiSdkStream from "@fermata/agent/AiSdkStream"
import { Chunks } from "@fermata/engine/Chunks"
import { Runs } from "@fermata/engine/Runs"
import * as Context from "effect/Context"
import * as Stream from "effect/Stream"
import type { Told } from "./EventStream.ts"

/** What is told of a run. */
export const of = (
  { chunks, runs }: { readonly chunks: Chunks["Service"]; readonly runs: Runs["Service"] },
  run: string,
  options: AgentEncoding.Options
): Omit<Told, "place"> => ({
  events: Stream.provideContext(
    AgentEncoding.of(run, options),
    Context.make(Runs, runs).pipe(Context.add(Chunks, chunks))
  ),
  headers: options.format === "ai-sdk" ? Object.fromEntries([AiSdkStream.header]) : {}
})
