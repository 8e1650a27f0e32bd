/**
 * Requests that are refused, each with the problem that it gets. Nothing of any
 * of them may be stored.
 */
import type { Asked } from "./Served.ts"

/** A request, and how it is refused. `place` is that of the first mistake. */
export interface BadRequest {
  readonly line: string
  readonly asked?: Asked
  readonly status: number
  readonly problem: string
  readonly place?: string
}

/** An `Idempotency-Key` under which the run has been raised by one millionth. */
export const usedKey = "used-before"

/** The requests. `run` is the id of a run that waits for a signal, and `question` that of an open question that only bob answers. */
export const badRequests = (
  { question, run }: { readonly run: string; readonly question: string }
): ReadonlyArray<BadRequest> => [
  ...malformed,
  ...lossy,
  ...misplaced(run),
  ...mistyped(run, question),
  ...misspelt(run, question),
  ...misquoted(run),
  ...methods(run),
  ...foreign,
  ...elsewhere(run),
  ...refused(run, question),
  ...replayed(run)
]

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const bad = (line: string, place: string, asked: Asked = {}): BadRequest => ({
  line,
  asked,
  status: 400,
  problem: "BadRequest",
  place
})

const text = (body: string, headers: Record<string, string> = {}): Asked => ({
  body,
  headers: { "content-type": "application/json", ...headers }
})

const start = "POST /api/runs"

/** Bodies that are no JSON. */
const malformed: ReadonlyArray<BadRequest> = [
  "{",
  "[1,",
  "{\"workflow\":}",
  "{'workflow':'order'}",
  "{workflow: 1}",
  "{\"workflow\":\"order\",}",
  "nul",
  "\"order",
  "{\"a\":1}{\"b\":2}",
  "{\"a\":01}",
  "{\"a\":.5}",
  "{\"a\":NaN}",
  "{\"a\":\"\\x\"}",
  "{\"a\":\"\u0001\"}",
  "// comment\n{}",
  "\uFEFF ",
  "<xml/>"
].map((body) => ({ line: start, asked: text(body), status: 400, problem: "BadRequest" }))

/** Bodies that JSON.parse would change in silence. */
const lossy: ReadonlyArray<BadRequest> = [
  bad(start, "body.input.id", text("{\"workflow\":\"order\",\"input\":{\"id\":3544790567247868102}}")),
  bad(start, "body.input.id", text("{\"workflow\":\"order\",\"input\":{\"id\":1e400}}")),
  bad(start, "body.workflow", text("{\"workflow\":\"order\",\"workflow\":\"other\"}")),
  bad(start, "body.input.a", text("{\"workflow\":\"order\",\"input\":{\"a\":1,\"a\":2}}")),
  bad("POST /api/events", "body.payload.n", text("{\"name\":\"x.y\",\"payload\":{\"n\":9007199254740993}}"))
]

/** Bodies of another form, or longer than is read. */
const misplaced = (run: string): ReadonlyArray<BadRequest> => [
  ...[
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "application/jsonp",
    "application/json5",
    "text/json"
  ].flatMap((type) =>
    [start, `POST /api/runs/${run}/cancel`].map((line): BadRequest => ({
      line,
      asked: { body: "{}", headers: { "content-type": type } },
      status: 415,
      problem: "UnsupportedMediaType"
    }))
  ),
  ...[start, "POST /api/events", "POST /api/contracts", `POST /api/runs/${run}/signals/go`].map((line): BadRequest => ({
    line,
    asked: text(`"${"x".repeat(3 * 1024 * 1024)}"`),
    status: 413,
    problem: "BodyTooLarge"
  }))
]

/** Bodies with a value of another type than the route takes. */
const mistyped = (run: string, question: string): ReadonlyArray<BadRequest> => {
  const answer = `POST /api/approvals/${question}/answers`
  const raise = `POST /api/runs/${run}/raise`
  return [
    bad(start, "body", { json: [] }),
    bad(start, "body", { json: null }),
    bad(start, "body", { json: "order" }),
    bad(start, "body.workflow", { json: {} }),
    bad(start, "body.workflow", { json: { workflow: 1 } }),
    bad(start, "body.workflow", { json: { workflow: null } }),
    bad(start, "body.workflow", { json: { workflow: ["order"] } }),
    bad(start, "body.key", { json: { workflow: "order", key: 7 } }),
    bad(start, "body.version", { json: { workflow: "order", version: 1 } }),
    bad(start, "body.title", { json: { workflow: "order", title: {} } }),
    bad(start, "body.new", { json: { workflow: "order", new: "yes" } }),
    bad(start, "body.labels", { json: { workflow: "order", labels: "team=a" } }),
    bad(start, "body.labels.team", { json: { workflow: "order", labels: { team: 1 } } }),
    bad(`POST /api/runs/${run}/cancel`, "body.reason", { json: { reason: 5 } }),
    bad(raise, "body.micros", { json: { micros: "5" } }),
    bad(raise, "body.micros", { json: { micros: 0.5 } }),
    bad(raise, "body.tokens", { json: { tokens: true } }),
    bad(raise, "body.note", { json: { micros: 1, note: [] } }),
    bad(`POST /api/runs/${run}/fork`, "body.at", { json: {} }),
    bad(`POST /api/runs/${run}/fork`, "body.at", { json: { at: 3 } }),
    bad(`POST /api/runs/${run}/fork`, "body.set", { json: { at: "x", set: [] } }),
    bad(`POST /api/runs/${run}/signals/go`, "body.id", { json: { id: 1 } }),
    bad(`POST /api/runs/${run}/steps/pay/settle`, "body", { json: {} }),
    bad(`POST /api/runs/${run}/steps/pay/settle`, "body", { json: { _tag: "undo" } }),
    bad(`POST /api/runs/${run}/steps/pay/settle`, "body.message", { json: { _tag: "fail", message: 1 } }),
    bad(answer, "body.decision", { json: {} }),
    bad(answer, "body.decision", { json: { decision: "maybe" } }),
    bad(answer, "body.decision", { json: { decision: true } }),
    bad(answer, "body.note", { json: { decision: "approve", note: 1 } }),
    bad(answer, "body.by", { json: { decision: "approve", by: ["ada"] } }),
    bad("POST /api/events", "body.name", { json: {} }),
    bad("POST /api/events", "body.name", { json: { name: 1 } }),
    bad("POST /api/events", "body.id", { json: { name: "x.y", id: {} } }),
    bad("POST /api/spending/raises", "body.workflow", { json: { micros: 1 } }),
    bad("POST /api/spending/raises", "body.day", { json: { workflow: "order", day: 20261130 } })
  ]
}

/** Bodies with a name that the route does not know. */
const misspelt = (run: string, question: string): ReadonlyArray<BadRequest> => [
  bad(start, "body.inptu", { json: { workflow: "order", inptu: {} } }),
  bad(start, "body.by", { json: { workflow: "order", by: "root" } }),
  bad(start, "body.__proto__", text("{\"workflow\":\"order\",\"__proto__\":{\"by\":\"root\"}}")),
  bad(`POST /api/runs/${run}/cancel`, "body.why", { json: { why: "no" } }),
  bad(`POST /api/runs/${run}/raise`, "body.by", { json: { micros: 1, by: "root" } }),
  bad(`POST /api/runs/${run}/fork`, "body.by", { json: { at: "x", by: "root" } }),
  bad(`POST /api/runs/${run}/signals/go`, "body.paylod", { json: { paylod: 1 } }),
  bad(`POST /api/runs/${run}/signals/go`, "body.by", { json: { by: "root" } }),
  bad(`POST /api/approvals/${question}/answers`, "body.roles", { json: { decision: "approve", roles: ["bob"] } }),
  bad("POST /api/events", "body.source", { json: { name: "x.y", source: "root" } }),
  bad("POST /api/spending/raises", "body.by", { json: { workflow: "order", micros: 1, by: "root" } })
]

/** Queries that no route takes. */
const misquoted = (run: string): ReadonlyArray<BadRequest> => [
  bad("GET /api/runs?limit=0", "query.limit"),
  bad("GET /api/runs?limit=501", "query.limit"),
  bad("GET /api/runs?limit=-1", "query.limit"),
  bad("GET /api/runs?limit=many", "query.limit"),
  bad("GET /api/runs?limit=1.5", "query.limit"),
  bad("GET /api/runs?status=gone", "query.status.0"),
  bad("GET /api/runs?reason=tired", "query.reason.0"),
  bad("GET /api/runs?since=yesterday", "query.since"),
  bad("GET /api/runs?label=team", "query.label"),
  bad("GET /api/runs?label=%3Da", "query.label"),
  bad("GET /api/runs?sort=asc", "query.sort"),
  bad(`GET /api/runs/${run}?wait=61s`, "query.wait"),
  bad(`GET /api/runs/${run}?wait=30`, "query.wait"),
  bad(`GET /api/runs/${run}/journal?from=-1`, "query.from"),
  bad(`GET /api/runs/${run}/journal?from=first`, "query.from"),
  bad(`GET /api/runs/${run}/steps?status=lost`, "query.status.0"),
  bad(`GET /api/runs/${run}/steps?after=nothing`, "query.after"),
  bad(`GET /api/runs/${run}/sample?reason=signal`, "query.key"),
  bad(`GET /api/runs/${run}/sample?reason=odd&key=go`, "query.reason"),
  bad("GET /api/approvals?limit=501", "query.limit"),
  bad("GET /api/events?limit=0", "query.limit"),
  bad("GET /api/contracts?after=none@1.0.0", "query.after"),
  bad("GET /api/spending?groupBy=month", "query.groupBy.0"),
  bad("GET /api/policy/rules?agnt=a", "query.agnt")
]

/** Methods that a path does not take. */
const methods = (run: string): ReadonlyArray<BadRequest> =>
  [
    "PUT /api/runs",
    "DELETE /api/runs",
    "PATCH /api/runs",
    `POST /api/runs/${run}`,
    `GET /api/runs/${run}/cancel`,
    `PUT /api/runs/${run}/pause`,
    `DELETE /api/runs/${run}/journal`,
    `POST /api/runs/${run}/steps`,
    `GET /api/runs/${run}/signals/go`,
    "POST /api/runs/start",
    "PUT /api/events",
    "DELETE /api/contracts",
    "POST /api/state",
    "POST /api/heartbeat",
    "PUT /api/policy/rules/abcd"
  ].map((line) => ({ line, status: 405, problem: "MethodNotAllowed" }))

const forbidden = (line: string, headers: Record<string, string>, json?: unknown): BadRequest => ({
  line,
  asked: { headers, ...(json === undefined ? {} : { json }) },
  status: 403,
  problem: "Forbidden"
})

/** Requests of pages and names that are not the server's own. */
const foreign: ReadonlyArray<BadRequest> = [
  ...["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "169.254.169.254", "0.0.0.0", "[::ffff:127.0.0.1]"]
    .flatMap((host) => ["GET /api/runs", start].map((line) => forbidden(line, { host }))),
  ...["https://evil.example", "null", "http://localhost.evil.example", "http://localhost:99999"].map((origin) =>
    forbidden(start, { origin }, { workflow: "order", input: { id: "9" } })
  ),
  forbidden(start, { "sec-fetch-site": "cross-site" }, { workflow: "order" }),
  forbidden("DELETE /api/policy/rules/abcd", { origin: "https://evil.example" })
]

/** Paths that lead nowhere, or are meant to lead out. */
const elsewhere = (run: string): ReadonlyArray<BadRequest> => [
  ...[
    "GET /api",
    "GET /api/nothing",
    "GET /api/runs/a/b/c/d",
    "GET /admin",
    "GET /.env",
    "GET /api/..%2f..%2fetc%2fpasswd",
    "GET /api/RUNS",
    "GET /callbacks"
  ].map((line): BadRequest => ({ line, status: 404, problem: "RouteNotFound" })),
  ...[
    "GET /api/runs/..%2F..%2Fetc%2Fpasswd",
    "GET /api/runs/zzzzzzzz",
    "GET /api/runs/%00%00%00%00",
    "GET /api/runs/*%25_%25"
  ]
    .map((line): BadRequest => ({ line, status: 404, problem: "RunNotFound" })),
  ...[
    "GET /api/runs/%",
    "GET /api/runs/%zz/steps",
    "GET /api/runs/%c0%ae",
    "POST /api/approvals/%ff/answers",
    `GET /api/runs/${"x".repeat(3_000)}`
  ].map((
    line
  ) => bad(line, "path")),
  { line: `GET /api/runs/${run}/artifacts/..%2Fsecret`, status: 404, problem: "ArtifactNotFound" },
  { line: "GET /api/blobs/..%2F..%2Fetc%2Fpasswd", status: 404, problem: "BlobNotFound" },
  { line: `GET /api/runs/${run}/steps/..%2Fother`, status: 404, problem: "StepNotRequested" },
  { line: "GET /api/contracts/none/newest", status: 404, problem: "ContractNotFound" }
]

/** What the engine refuses. */
const refused = (run: string, question: string): ReadonlyArray<BadRequest> => {
  const said = (line: string, json: unknown, status: number, problem: string): BadRequest => ({
    line,
    asked: { json },
    status,
    problem
  })
  return [
    said(start, { workflow: "none" }, 404, "WorkflowNotFound"),
    said(start, { workflow: "order", version: "9.9.9" }, 404, "WorkflowNotFound"),
    said(start, { workflow: "order", input: { id: 5 } }, 400, "PayloadRefused"),
    said(start, { workflow: "order", input: "x" }, 400, "PayloadRefused"),
    said("POST /api/runs/zzzzzzzz/cancel", {}, 404, "RunNotFound"),
    said(`POST /api/runs/${run}/raise`, {}, 422, "RaiseRefused"),
    said(`POST /api/runs/${run}/raise`, { micros: -1 }, 422, "RaiseRefused"),
    said(`POST /api/runs/${run}/fork`, { at: "nothing" }, 404, "StepNotRequested"),
    said(`POST /api/runs/${run}/steps/pay/settle`, { _tag: "retry" }, 409, "StepNotOpen"),
    said(`POST /api/runs/${run}/signals/stop`, {}, 404, "SignalUnknown"),
    said(`POST /api/runs/${run}/signals/go`, { payload: "x" }, 422, "SignalUnfit"),
    said(`POST /api/approvals/${question}/answers`, { decision: "approve", by: "bob" }, 403, "Forbidden"),
    said(`POST /api/approvals/${question}/answers`, { decision: "approve" }, 403, "NotAllowed"),
    said(`POST /api/approvals/${run}/answers`, { decision: "approve" }, 409, "ApprovalNotOpen"),
    said("POST /api/events", { name: "not a name" }, 400, "EventRefused"),
    said("POST /api/events", { name: "engine.run.completed" }, 400, "EventRefused"),
    said("POST /api/contracts", {}, 422, "ContractInvalid"),
    said("POST /api/contracts", { id: "x" }, 422, "ContractInvalid"),
    said("POST /api/spending/raises", { workflow: "none", micros: 1 }, 404, "WorkflowNotFound"),
    said("POST /api/spending/raises", { workflow: "order" }, 422, "DayRaiseRefused"),
    said("POST /api/spending/raises", { workflow: "order", micros: 1, day: "1969-12-31" }, 422, "DayRaiseRefused")
  ]
}

/** Keys of idempotency that are none, or contradict the body. */
const replayed = (run: string): ReadonlyArray<BadRequest> => {
  const place = "header.idempotency-key"
  const keyed = (key: string, json: object): Asked => ({ json, headers: { "idempotency-key": key } })
  return [
    bad(start, place, keyed("two words", { workflow: "order", input: { id: "9" } })),
    bad(start, place, keyed("x".repeat(256), { workflow: "order", input: { id: "9" } })),
    bad(start, place, keyed("one", { workflow: "order", input: { id: "9" }, key: "other" })),
    bad(`POST /api/runs/${run}/signals/go`, place, keyed("two words", { payload: 1 })),
    bad(`POST /api/runs/${run}/raise`, place, keyed("two words", { micros: 1 })),
    ...[
      [`POST /api/runs/${run}/raise`, keyed(usedKey, { micros: 2 })],
      [`POST /api/runs/${run}/cancel`, keyed(usedKey, { micros: 1 })],
      [`POST /api/runs/${run}/signals/go`, keyed(usedKey, { payload: 1 })],
      ["POST /api/events", keyed(usedKey, { name: "x.y" })],
      ["POST /api/contracts", keyed(usedKey, { id: "c" })]
    ].map(([line, asked]) => ({ line, asked, status: 422, problem: "KeyReused" }) as BadRequest),
    bad("POST /api/events", place, keyed("two words", { name: "x.y" }))
  ]
}
