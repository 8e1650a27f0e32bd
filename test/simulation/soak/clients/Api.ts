/** What clients ask servers, over plain HTTP: nothing of the engine is in here. */
import type { Chance } from "../Chance.ts"
import type { Setting } from "../Setting.ts"

/** What is asked. */
export interface Asked {
  readonly method?: "GET" | "POST" | "PUT"
  /** Behind `/api`. */
  readonly path: string
  readonly body?: unknown
  /** By whose token; that of `ops` when absent. */
  readonly as?: string
  readonly tenant?: string
  readonly key?: string
  readonly timeoutMs?: number
}

/** What was answered. */
export interface Replied {
  readonly status: number
  /** The error of a problem, by its tag. */
  readonly problem: string | undefined
  readonly body: Readonly<Record<string, unknown>>
  readonly headers: Headers
}

/** It did not reach a server, or had no room there: it has done nothing. */
export class NotTaken extends Error {}

/** It may have reached a server, and there is no answer. */
export class Unanswered extends Error {}

export type Api = (asked: Asked) => Promise<Replied>

/** Asks one of the servers by chance, and another where nobody listens there. */
export const api =
  ({ servers, tokens }: Pick<Setting, "servers" | "tokens">, { below }: Chance): Api => async (asked) => {
    const first = below(servers.length)
    for (let tries = 0;; tries++) {
      try {
        return await at(servers[(first + tries) % servers.length]!, tokens, asked)
      } catch (error) {
        if (!(error instanceof NotTaken) || tries + 1 >= servers.length) throw error
      }
    }
  }

/** Asks again until somebody answers, for what may be asked as often as one likes; gives up behind so many ms. */
export const insist = async (ask: Api, asked: Asked, patienceMs: number): Promise<Replied | undefined> => {
  const end = Date.now() + patienceMs
  while (Date.now() < end) {
    try {
      return await ask(asked)
    } catch (error) {
      if (!(error instanceof NotTaken || error instanceof Unanswered)) throw error
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
  return undefined
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const at = async (
  server: string,
  tokens: Setting["tokens"],
  { as = "ops", body, key, method = "GET", path, tenant, timeoutMs = 20_000 }: Asked
): Promise<Replied> => {
  const response = await fetch(`${server}/api${path}`, {
    method,
    signal: AbortSignal.timeout(timeoutMs),
    headers: {
      authorization: `Bearer ${tokens[as]}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(tenant === undefined ? {} : { "fermata-tenant": tenant }),
      ...(key === undefined ? {} : { "idempotency-key": key })
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  }).catch((error: unknown) => {
    const why = reasonOf(error)
    throw why === "ECONNREFUSED" ? new NotTaken(why) : new Unanswered(why)
  })
  const text = await response.text().catch((error: unknown) => {
    throw new Unanswered(reasonOf(error))
  })
  if (response.status >= 500) throw new Unanswered(`${response.status} ${text.slice(0, 200)}`)
  const answer = text === "" ? {} : JSON.parse(text) as { readonly error?: { readonly _tag: string } }
  const problem = response.ok ? undefined : answer.error?._tag ?? `status ${response.status}`
  if (problem === "TooManyRequests") throw new NotTaken(problem)
  return { status: response.status, problem, body: answer as Replied["body"], headers: response.headers }
}

const reasonOf = (error: unknown): string => {
  const { cause, name } = error as { readonly cause?: { readonly code?: string }; readonly name?: string }
  return cause?.code ?? name ?? String(error)
}
