/** Runs as resources: what is listed, what each address holds, and which runs begin with some characters. */
import { linesOf } from "@fermata/agent/Transcript"
import * as RunSentence from "@fermata/core/RunSentence"
import * as Effect from "effect/Effect"
import * as Artifacts from "../Artifacts.ts"
import { type CommandFailed, refused } from "../CommandFailed.ts"
import type { Host } from "../Host.ts"
import * as RunResource from "./RunResource.ts"
import * as Standing from "./Standing.ts"

/** A resource of a list. */
export interface Listed {
  readonly uri: string
  readonly name: string
  readonly title: string
  readonly description?: string
  readonly mimeType: string
}

/** What an address holds. */
export type Page =
  & { readonly uri: string; readonly mimeType: string }
  & ({ readonly text: string } | { readonly blob: string })

const json = "application/json"
const ndjson = "application/x-ndjson"

/** The addresses that hold something for every run. */
export const templates = [
  { uriTemplate: RunResource.templates.run, name: "run", title: "A run", mimeType: json },
  { uriTemplate: RunResource.templates.journal, name: "journal", title: "The journal of a run", mimeType: ndjson },
  {
    uriTemplate: RunResource.templates.transcript,
    name: "transcript",
    title: "What was said in a run of an agent",
    mimeType: ndjson
  },
  { uriTemplate: RunResource.templates.artifact, name: "artifact", title: "What a step of a run keeps" }
]

/** A page of the list: what is always there, and runs, the last started first. `before` is the run that the page before has ended with. */
export const list = (
  host: Host,
  before: string | undefined
): Effect.Effect<{ readonly resources: ReadonlyArray<Listed>; readonly next: string | undefined }, CommandFailed> =>
  Effect.map(
    host.refine(host.runs.list({ limit: pageSize, ...(before === undefined ? {} : { before }) })),
    (runs) => ({
      resources: [
        ...(before === undefined ? fixed : []),
        ...runs.map((run): Listed => ({
          uri: RunResource.uriOf(run.id),
          name: run.id,
          title: `${run.workflow} ${run.version}`,
          description: RunSentence.of(run, host.now()),
          mimeType: json
        }))
      ],
      next: runs.length === pageSize ? runs.at(-1)!.id : undefined
    })
  )

/** What this address holds, for a reader of this name. */
export const read = (host: Host, uri: string, by: string): Effect.Effect<Page, CommandFailed> =>
  Effect.gen(function*() {
    const place = RunResource.placeOf(uri)
    switch (place?._tag) {
      case "Runs": {
        const { resources } = yield* list(host, undefined)
        return { uri, mimeType: json, text: JSON.stringify(resources.slice(fixed.length)) }
      }
      case "Approvals": {
        const open = yield* host.refine(host.runs.approvals())
        return { uri, mimeType: json, text: JSON.stringify(open.map(Standing.questionJson)) }
      }
      case "Run": {
        const view = yield* host.refine(host.runs.show(place.run))
        const { value } = yield* Standing.of(host, view, by)
        return { uri, mimeType: json, text: JSON.stringify({ ...view, ...value }) }
      }
      case "Journal":
        return ndjsonPage(uri, yield* host.refine(host.runs.journal(place.run)))
      case "Transcript":
        return ndjsonPage(uri, linesOf(yield* host.refine(host.runs.show(place.run))))
      case "Artifact": {
        const { content, mediaType } = yield* host.refine(host.runs.artifact(place.run, place.artifact))
        const text = Artifacts.textOf(content)
        return text === undefined
          ? { uri, mimeType: mediaType, blob: Buffer.from(content).toString("base64") }
          : { uri, mimeType: mediaType, text }
      }
      case undefined:
        return yield* refused("ResourceNotFound", `There is no resource ${uri}`, [
          `there are ${RunResource.runsUri}, ${RunResource.approvalsUri}, ${
            Object.values(RunResource.templates).join(", ")
          }`
        ])
    }
  })

/** Runs whose id begins with these characters, the last started first. */
export const complete = (host: Host, beginning: string): Effect.Effect<ReadonlyArray<string>, CommandFailed> =>
  Effect.map(
    host.refine(host.runs.list({ limit: mostLooked })),
    (runs) => runs.map(({ id }) => id).filter((id) => id.startsWith(beginning)).slice(0, mostCompleted)
  )

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const pageSize = 50
/** Of the latest so many runs some are offered, of which the protocol lets so many be said. */
const mostLooked = 1_000
const mostCompleted = 100

const fixed: ReadonlyArray<Listed> = [
  { uri: RunResource.runsUri, name: "runs", title: "The latest runs", mimeType: json },
  { uri: RunResource.approvalsUri, name: "approvals", title: "The open questions of runs", mimeType: json }
]

const ndjsonPage = (uri: string, lines: ReadonlyArray<unknown>): Page => ({
  uri,
  mimeType: ndjson,
  text: lines.map((line) => `${JSON.stringify(line)}\n`).join("")
})
