/** How a server lets requests in. */
import type { AgentHead } from "@fermata/api/AgentsGroup"
import type * as Redacted from "effect/Redacted"
import type { Limits } from "./Streams.ts"

/** Options of a server, beside where it listens. */
export interface ServerOptions {
  /**
   * Names under which it is reached beside `localhost`, `127.0.0.1` and `[::1]`,
   * without ports. A request for another is refused, so that no page that has its
   * own name point here gets an answer.
   */
  readonly hosts?: ReadonlyArray<string>
  /** Origins, such as `https://runs.example.org`, whose pages may act here, beside the server's own. */
  readonly origins?: ReadonlyArray<string>
  /**
   * Whoever sends this in the header `x-callback-secret` to `POST /callbacks` says what
   * became of a task that was done elsewhere; the route is there only where this is.
   */
  readonly callbackSecret?: Redacted.Redacted
  /**
   * Networks, such as `10.0.0.5/32`, from which proxies in front of the server connect. What those say in
   * `X-Forwarded-Host` and `X-Forwarded-For` is believed, and what anybody else says there is not.
   */
  readonly proxies?: ReadonlyArray<string>
  /** The agents that `GET /api/agents` tells of; none when absent. */
  readonly agents?: ReadonlyArray<AgentHead>
  /** The kinds of small tasks that `POST /api/tasks/queue` takes; `operator` alone when absent. */
  readonly operatorKinds?: ReadonlyArray<string>
  /** The longest body (bytes) that is read; 2 MiB when absent. */
  readonly maxBody?: number
  /** How many requests are answered at once. One more is refused with 429 and `Retry-After`. */
  readonly requests?: RequestLimits
  /** How many streams may be open at once. */
  readonly streams?: Limits
  /** Whether the description of the API is there as a page, at `/docs`; it is when absent. */
  readonly docs?: boolean
}

/** How many requests are answered at once, each from its head on until its answer begins. */
export interface RequestLimits {
  /** Of all callers, in this process; 2,000 when absent. `GET /api/heartbeat` is answered beside them. */
  readonly most?: number
  /** Of one caller, whichever of its tokens it shows; 1,000 when absent. */
  readonly mostOfCaller?: number
}

/** The longest body (bytes) that is read where nobody says otherwise. */
export const defaultMaxBody = 2 * 1024 * 1024

/** How many characters a name in a path may have, such as the key of a step. */
export const longestName = 2_000
