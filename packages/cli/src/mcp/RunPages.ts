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

/** What this address holds, for a reader of this name: a page, and where there is more of it, another that says where. */
export const read = (host: Host, uri: string, by: string): Effect.Effect<ReadonlyArray<Page>, CommandFailed> =>
  Effect.gen(function*() {
    const place = RunResource.placeOf(uri)
    if (place?._tag === "Journal") {
      const { entries, id } = yield* host.refine(host.runs.find(place.run))
      const lines = yield* host.refine(host.runs.journal(id, place.from, mostLines))
      return linePages(uri, lines, place.from, entries, (from) => RunResource.uriFrom(id, "journal", from))
    }
    if (place?._tag === "Transcript") {
      const view = yield* host.refine(host.runs.show(place.run))
      const all = linesOf(view)
      const lines = all.slice(place.from, place.from + mostLines)
      return linePages(uri, lines, place.from, all.length, (from) => RunResource.uriFrom(view.id, "transcript", from))
    }
    return [yield* pageOf(host, uri, place, by)]
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

/** Lines of a page, and its characters, of which one line may have more. */
const mostLines = 500
const mostCharacters = 200_000

/** Of each list of a run, such as its steps, the last so many are told. */
const mostOfList = 200

const fixed: ReadonlyArray<Listed> = [
  { uri: RunResource.runsUri, name: "runs", title: "The latest runs", mimeType: json },
  { uri: RunResource.approvalsUri, name: "approvals", title: "The open questions of runs", mimeType: json }
]

type Whole = Exclude<RunResource.Place, { readonly _tag: "Journal" | "Transcript" }>

/** What is on one page. */
const pageOf = (
  host: Host,
  uri: string,
  place: Whole | undefined,
  by: string
): Effect.Effect<Page, CommandFailed> =>
  Effect.gen(function*() {
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
        return { uri, mimeType: json, text: JSON.stringify({ ...cut(view), ...value }) }
      }
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

/** A run with the last of each of its lists, and of how many others there was no room. */
const cut = (view: object): object => {
  const lists = Object.entries(view).filter((field): field is [string, ReadonlyArray<unknown>] =>
    Array.isArray(field[1]) && field[1].length > mostOfList
  )
  return lists.length === 0 ? view : {
    ...view,
    ...Object.fromEntries(lists.map(([name, all]) => [name, all.slice(-mostOfList)])),
    leftOut: Object.fromEntries(lists.map(([name, all]) => [name, all.length - mostOfList]))
  }
}

/** As many of these lines, which begin with the number `from`, as a page has, and where the others of `all` are. */
const linePages = (
  uri: string,
  lines: ReadonlyArray<unknown>,
  from: number,
  all: number,
  uriOf: (from: number) => string
): ReadonlyArray<Page> => {
  let text = ""
  let next = from
  for (const line of lines) {
    const written = `${JSON.stringify(line)}\n`
    if (next > from && text.length + written.length > mostCharacters) break
    text += written
    next++
  }
  const page: Page = { uri, mimeType: ndjson, text }
  if (next >= all) return [page]
  const rest: Page = {
    uri: uriOf(next),
    mimeType: "text/plain",
    text: `These were lines ${from} to ${next - 1} of ${all}. The next are at ${uriOf(next)}`
  }
  return [page, rest]
}
