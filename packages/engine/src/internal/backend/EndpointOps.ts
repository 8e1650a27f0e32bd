/** Endpoints of webhooks in a store: their rows, what is written of them, and the answers. Times are ms since the epoch. */
import type { Acted } from "./Act.ts"

/** An endpoint of webhooks: one that is told of many events, or the webhook of one run. */
export interface EndpointRow {
  /** Unique in the store, with its tenant in front. That of a run has a `:` in it, which no name has. */
  readonly name: string
  /** The run whose webhook it is; null for one that is told of many events. */
  readonly run: string | null
  /** Whether there is anything that it is to be told of yet. */
  readonly isOpen: boolean
  /** JSON text of what it was set to. */
  readonly settings: string
  /** JSON text of how it stands. */
  readonly health: string
  /** The position (`ChangeLog`) of what was committed before it came; null for all that there is. */
  readonly since: string | null
  readonly by: string
  readonly createdAt: number
  readonly updatedAt: number
  /** Counts its changes, from 1 on. */
  readonly version: number
}

/**
 * Keeps the row of an endpoint, where the one that is there has the version
 * `seen`; null where there is to be none.
 */
export interface EndpointOp extends Acted {
  readonly op: "endpoint"
  readonly row: Omit<EndpointRow, "version">
  readonly seen: number | null
}

/** Takes an endpoint away. */
export interface DropEndpointOp extends Acted {
  readonly op: "dropEndpoint"
  readonly name: string
}

/** What is written of endpoints. */
export type EndpointsOp = EndpointOp | DropEndpointOp

/** The answers, by the names of the operations. */
export interface EndpointAnswers {
  /** `row` is the one that is there now. */
  readonly endpoint: { readonly kept: boolean; readonly row: EndpointRow | null }
  /** Whether it was there. */
  readonly dropEndpoint: { readonly dropped: boolean }
}

/** Which endpoints are read: by name, those of runs aside. */
export interface EndpointRowFilter {
  readonly tenant?: string | undefined
  /** Only those behind this name. */
  readonly after?: string | undefined
  readonly limit: number
}

/** The name of the row of a run's webhook. */
export const nameOfRun = (run: string): string => {
  const at = run.indexOf("~")
  return `${run.slice(0, at + 1)}run:${run.slice(at + 1)}`
}
