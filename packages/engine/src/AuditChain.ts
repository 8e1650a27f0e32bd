/**
 * How acts are kept in a store, the same in every backend: each as a line of
 * the audit, chained to the line before, and with the answer to the request
 * that asked for it. All of it stands or falls with the act itself.
 */
import * as AuditLine from "@fermata/core/AuditLine"
import type { Act, Answers, AuditRow, Known, Op, RequestRow } from "./Backend.ts"
import { sha256HexNow } from "./Digest.ts"

/** How long (ms) the answer to a request is kept: 24 h. */
export const rememberedMs = 24 * 3_600_000

/** What a backend does inside its write transaction. */
export interface Records {
  /** What is kept of the request of this caller under this key. */
  readonly request: (caller: string, key: string) => RequestRow | null
  /** Keeps a request, in place of an older one of this caller under this key. */
  readonly remember: (row: RequestRow) => void
  /** Deletes requests of this time (ms since the epoch) or earlier: the oldest, and at most `limit`. */
  readonly forget: (until: number, limit: number) => void
  /** The last line of the audit. */
  readonly last: () => Pick<AuditRow, "hash" | "n"> | null
  readonly add: (row: AuditRow) => void
}

/**
 * Applies an operation as an act. Where its request is known, nothing is done
 * and the answer says so. Else a line is kept if the operation does something,
 * and its request if it is not refused.
 */
export const apply = (
  records: Records,
  op: Op,
  act: Act,
  work: () => Answers[keyof Answers]
): Answers[keyof Answers] | Known => {
  const at = act.now()
  const { line, request } = act
  const known = request === undefined ? null : records.request(request.caller, request.key)
  if (known !== null && known.at > at - rememberedMs) return { answered: known }
  const answer = work()
  const outcome = outcomeOf(op, answer)
  if (outcome === "done") records.add(next(records.last(), line, at))
  if (request !== undefined && outcome !== "refused") {
    const { answer: answerOf, caller, hash, key, route } = request
    records.forget(at - rememberedMs, mostForgotten)
    records.remember({ caller, key, route, hash, answer: answerOf(answer), at })
  }
  return answer
}

/** The act of an operation that is done on somebody's behalf. */
export const actOf = (op: Op): Act | undefined => "act" in op ? op.act : undefined

/** Whether the answer is that the request was known. */
export const isKnown = (answer: object): answer is Known => "answered" in answer

/** The next line of a chain. */
export const next = (last: Pick<AuditRow, "hash" | "n"> | null, line: Act["line"], at: number): AuditRow => {
  const text = { ...line, n: (last?.n ?? 0) + 1, at }
  const prev = last?.hash ?? AuditLine.origin
  return { ...text, prev, hash: hashOf(prev, text) }
}

/** The hash of a line behind the line with the hash `prev`. */
export const hashOf = (prev: string, line: AuditLine.AuditText): string => sha256HexNow(prev + AuditLine.textOf(line))

/** What is wrong with a line that stands behind another, or at the beginning. */
export const faultOf = (
  before: Pick<AuditRow, "hash" | "n"> | null,
  row: AuditRow
): AuditLine.AuditFault | undefined => {
  const n = (before?.n ?? 0) + 1
  if (row.n !== n) return { n, kind: "missing", problem: `line ${n} is missing: line ${row.n} stands in its place` }
  if (hashOf(row.prev, row) !== row.hash) {
    return { n, kind: "altered", problem: `line ${n} was altered: its hash is of other words` }
  }
  return row.prev === (before?.hash ?? AuditLine.origin) ? undefined : {
    n,
    kind: "misplaced",
    problem: before === null
      ? "line 1 is misplaced: it was not the first when it was written"
      : `line ${n} is misplaced: it was not written behind line ${before.n} as that is now`
  }
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Requests that one act may delete in passing: more than it adds, so that none are left over. */
const mostForgotten = 20

/** Whether an operation has done something, or found it done, or was refused. */
const outcomeOf = (op: Op, answer: Answers[keyof Answers]): "done" | "same" | "refused" => {
  const of = <K extends keyof Answers>(_: K) => answer as Answers[K]
  switch (op.op) {
    case "start": {
      const { full, gone, started } = of(op.op)
      return started ? "done" : full === undefined && gone === undefined ? "same" : "refused"
    }
    case "inbox":
    case "answer": {
      const { result } = of(op.op)
      return result === "accepted" ? "done" : result === "duplicate" ? "same" : "refused"
    }
    case "revoke":
      return of(op.op).revoked ? "done" : "refused"
    case "issue":
      return of(op.op).issued ? "done" : "refused"
    case "withdraw":
      return of(op.op).withdrawn ? "done" : "refused"
    case "ingest":
      return of(op.op).result === "accepted" ? "done" : "same"
    case "source": {
      const { after, before } = of(op.op)
      return after === null && (before === null || op.change !== null) ? "refused" : "done"
    }
    case "endpoint":
      return of(op.op).kept ? "done" : "refused"
    case "dropEndpoint":
      return of(op.op).dropped ? "done" : "refused"
    case "publish":
      return of(op.op).added > 0 ? "done" : "same"
    case "raise":
      return of(op.op).result === "accepted" ? "done" : "same"
    case "define": {
      const { result } = of(op.op)
      return result === "same" ? "same" : result === "refused" ? "refused" : "done"
    }
    case "schedule":
      return of(op.op).result === "stored" ? "done" : "refused"
    case "unschedule":
      return of(op.op).removed ? "done" : "refused"
    case "fire":
      return of(op.op).fired ? "done" : "refused"
    case "enqueue": {
      const { result } = of(op.op)
      return result === "joined" || result === "gone" ? "same" : result === "full" ? "refused" : "done"
    }
    case "cancelTask": {
      const { result } = of(op.op)
      return result === "cancelled" || result === "asked" ? "done" : "refused"
    }
    case "retryTask": {
      const { result } = of(op.op)
      return result === "queued" ? "done" : "refused"
    }
    case "import":
      return of(op.op).result === "imported" ? "done" : "refused"
    case "remove": {
      const { result } = of(op.op)
      return result === "removed" ? "done" : "refused"
    }
    case "retain":
      return op.row === null && of(op.op).before === null ? "refused" : "done"
    case "restore":
    case "queue":
    case "quota":
    case "forget":
      return "done"
    // That nobody had to be freed is a thing to know too.
    case "reap":
      return "done"
    default:
      throw new TypeError(`the operation ${op.op} is nobody's act`)
  }
}
