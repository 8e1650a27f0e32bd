/** How a run stands, as tools give it: where it is, what it waits for, and the calls and commands that go on with it. */
import type { KeptArtifact } from "@fermata/core/Artifact"
import type { OpenApproval } from "@fermata/core/Question"
import * as RunSentence from "@fermata/core/RunSentence"
import { isFinal, runStatuses } from "@fermata/core/RunStatus"
import type * as RunView from "@fermata/core/RunView"
import * as Suspension from "@fermata/core/Suspension"
import * as Effect from "effect/Effect"
import * as AgentAnswers from "../AgentAnswers.ts"
import * as Artifacts from "../Artifacts.ts"
import * as Below from "../Below.ts"
import type { CommandFailed } from "../CommandFailed.ts"
import type { Host } from "../Host.ts"
import { nextCommands, type Place } from "../NextCommands.ts"
import * as Samples from "../Samples.ts"
import * as RunResource from "./RunResource.ts"
import type { Kept, Link, Result } from "./Tool.ts"
import { anything, described, type Document, objectOf, type ObjectShape, withProperties } from "./ToolShape.ts"

/** The names of the tools that go on with a run. */
export const toolNames = {
  wait: "fermata_run_wait",
  signal: "fermata_run_signal",
  answer: "fermata_approval_answer"
} as const

/** What there is to know of a run beside its view. */
export interface Known {
  /** Whether the run was there before the call that asks. */
  readonly joined?: boolean
  readonly otherInput?: boolean
}

/** What was asked about in a run and below it, and is still open. */
export const questionsOf = (
  host: Host,
  view: RunView.RunView
): Effect.Effect<ReadonlyArray<OpenApproval>, CommandFailed> =>
  Effect.gen(function*() {
    if (view.status !== "suspended") return []
    const below = [...(yield* Below.of(host, view)).values()].flat().map(({ runId }) => runId)
    const asked = yield* Effect.forEach([view.id, ...below], (run) => host.refine(host.runs.approvals({ run })))
    return asked.flat().filter(({ status }) => status === "open")
  })

/** Whether somebody of this name may still answer, so that it counts. */
export const mayAnswer = ({ requester, wanted }: OpenApproval, name: string): boolean =>
  requester !== name && wanted.includes(name)

/** A question as tools give it, with what an answer must name. */
export const questionJson = (question: OpenApproval): object => {
  const { id, ...rest } = question
  return { approval: id, ...rest }
}

/** The run as a result, for a caller of this name. */
export const of = (
  host: Host,
  view: RunView.RunView,
  by: string,
  known: Known = {}
): Effect.Effect<Result, CommandFailed> =>
  Effect.gen(function*() {
    const now = host.now()
    const questions = yield* questionsOf(host, view)
    const output = outputOf(view)
    const uri = RunResource.uriOf(view.id)
    const value = {
      runId: view.id,
      workflow: view.workflow,
      status: view.status,
      says: RunSentence.of(view, now),
      ...(known.joined === true ? { joined: true } : {}),
      ...(known.otherInput === true ? { otherInput: true } : {}),
      ...(output === undefined ? {} : { output: output.value }),
      ...(isFinal(view.status) && view.status !== "completed"
        ? { error: view.stop?.reason ?? view.error?.message ?? "without a reason" }
        : {}),
      ...(questions.length === 0 ? {} : { questions: questions.map(questionJson) }),
      ...(isFinal(view.status) ? {} : { next: yield* nextOf(host, view, questions, by) }),
      resource: uri
    }
    const { kept, links } = view.status === "completed" ? yield* keptOf(host, view.id) : { kept: [], links: [] }
    return {
      value,
      isError: value.error !== undefined,
      kept,
      links: [{ uri, name: `run ${view.id}`, mimeType: "application/json" }, ...links]
    }
  })

/** What `of` gives, for runs whose output is like this. */
export const shapeOf = (output: Document = anything): ObjectShape =>
  withProperties(
    objectOf({
      output: { ...output, schema: described(output.schema, "What the run came to; there once it is completed") }
    }),
    {
      runId: { type: "string" },
      workflow: { type: "string" },
      status: { type: "string", enum: [...runStatuses] },
      says: { type: "string", description: "How the run stands, as a sentence" },
      joined: { type: "boolean", description: "There was such a run already, and nothing was started" },
      otherInput: {
        type: "boolean",
        description: "The run was started with another input than this one, which is not used"
      },
      error: { type: "string", description: "Why the run failed or was cancelled" },
      questions: {
        type: "array",
        items: { type: "object" },
        description: "What the run, and those below it, ask people"
      },
      next: {
        type: "array",
        items: { type: "object" },
        description: "How the run goes on: calls of tools of this server, and commands for people"
      },
      resource: { type: "string", description: "Where the whole run is read" }
    },
    ["runId", "workflow", "status", "says", "resource"]
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Of an agent what it answered, and not what it took. */
const outputOf = (view: RunView.RunView): { readonly value: unknown } | undefined =>
  view.status === "completed" ? AgentAnswers.of(view)?.output ?? { value: view.output ?? null } : undefined

/** So many bytes are shown of what the steps of a run keep: of one text, and of all. Whatever is more is a link. */
const mostOfText = 20_000
const mostOfKept = 1_000_000

const isShown = ({ bytes, mediaType }: KeptArtifact): boolean =>
  /^(image|audio)\//.test(mediaType) || (bytes <= mostOfText && /^text\/|[/+]json$/.test(mediaType))

/** What the steps of a run keep: pictures, sounds and short texts whole, and links to the rest. */
const keptOf = (
  host: Host,
  run: string
): Effect.Effect<{ readonly kept: ReadonlyArray<Kept>; readonly links: ReadonlyArray<Link> }, CommandFailed> =>
  Effect.gen(function*() {
    const kept: Array<Kept> = []
    const links: Array<Link> = []
    let left = mostOfKept
    for (const artifact of yield* host.refine(host.runs.artifacts(run))) {
      const { bytes, hash, mediaType: mimeType, name } = artifact
      const uri = RunResource.uriOf(run, `artifacts/${hash}`)
      if (isShown(artifact) && bytes <= left) {
        left -= bytes
        const { content } = yield* host.refine(host.runs.artifact(run, hash))
        const text = Artifacts.textOf(content)
        const isMedia = /^(image|audio)\//.test(mimeType)
        kept.push({
          uri,
          mimeType,
          content: isMedia || text === undefined ? { base64: Buffer.from(content).toString("base64") } : { text }
        })
      } else links.push({ uri, name: name ?? hash, mimeType })
    }
    return { kept, links }
  })

const nextOf = (
  host: Host,
  view: RunView.RunView,
  questions: ReadonlyArray<OpenApproval>,
  by: string
): Effect.Effect<ReadonlyArray<object>, CommandFailed> =>
  Effect.gen(function*() {
    const below = yield* Below.of(host, view)
    const own = {
      runId: view.id,
      workflow: view.workflow,
      waits: view.waits,
      approvals: view.approvals,
      samples: yield* Samples.of(host, view)
    }
    const places: ReadonlyArray<Omit<Place, "as">> = [
      { ...own, waits: view.waits.filter(({ key }) => !below.has(key)) },
      ...[...below.values()].flat()
    ]
    return [
      ...questions.filter((question) => mayAnswer(question, by)).map(({ choices, hash, id }) => ({
        tool: toolNames.answer,
        arguments: {
          approval: id,
          decision: "approve",
          ...(choices[0] === undefined ? {} : { choice: choices[0] }),
          ...(hash === undefined ? {} : { hash })
        }
      })),
      ...places.flatMap(signalsOf),
      ...places.flatMap((place) => nextCommands({ ...place, as: by })).map((command) => ({ command })),
      { tool: toolNames.wait, arguments: { run: view.id } }
    ]
  })

const signalsOf = ({ runId, samples, waits }: Omit<Place, "as">): ReadonlyArray<object> =>
  waits.flatMap((wait) => {
    const sample = samples?.get(wait.key)
    return Suspension.actionsOf(wait).flatMap((action) =>
      action.verb === "signal"
        ? [{
          tool: toolNames.signal,
          arguments: {
            run: runId,
            name: action.name,
            ...(sample?._tag === "Json" ? { data: sample.value } : {})
          }
        }]
        : []
    )
  })
