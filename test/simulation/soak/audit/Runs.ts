/** What an audit reads of runs, from any server that answers. */
import { type Api, insist, type Replied } from "../clients/Api.ts"

/** A run as lists show it, as far as it matters here. */
export interface Row {
  readonly id: string
  readonly workflow: string
  readonly status: string
  readonly reason?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly waits: ReadonlyArray<{ readonly reason: string; readonly key: string }>
}

/** An entry of a journal, as it stands there. */
export interface Entry {
  readonly _tag: string
  readonly seq: number
  readonly [field: string]: unknown
}

/** How long an audit waits for somebody who answers. */
const patienceMs = 60_000

/** Asks until somebody answers; fails behind a minute, or with what is wrong. */
export const asked = async (ask: Api, path: string, as?: string): Promise<Replied["body"]> => {
  const replied = await insist(ask, { path, ...(as === undefined ? {} : { as }) }, patienceMs)
  if (replied === undefined) throw new Error(`nobody answered ${path}`)
  if (replied.problem !== undefined) throw new Error(`${path} is answered ${replied.problem}`)
  return replied.body
}

/** All of a list, page by page. */
const pages = async <A>(ask: Api, path: string, field: string): Promise<ReadonlyArray<A>> => {
  const found: Array<A> = []
  let after: string | undefined
  do {
    const body = await asked(
      ask,
      `${path}&limit=500${after === undefined ? "" : `&after=${encodeURIComponent(after)}`}`
    )
    found.push(...body[field] as ReadonlyArray<A>)
    after = body["next"] as string | undefined
  } while (after !== undefined)
  return found
}

/** The runs of a query. */
export const runs = (ask: Api, query: string): Promise<ReadonlyArray<Row>> => pages(ask, `/runs?${query}`, "runs")

/** The whole journal of a run. */
export const journal = async (ask: Api, run: string): Promise<ReadonlyArray<Entry>> => {
  const found: Array<Entry> = []
  let from: number | undefined = 0
  while (from !== undefined) {
    const body: Replied["body"] = await asked(ask, `/runs/${run}/journal?limit=500&from=${from}`)
    found.push(...body["entries"] as ReadonlyArray<Entry>)
    from = body["next"] as number | undefined
  }
  return found
}
