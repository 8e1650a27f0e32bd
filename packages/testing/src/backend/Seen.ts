/** What a reader of a store can see of a history, for the law of backends. */
import type { Backend } from "@fermata/engine/Backend"
import { pathOf, positionOf } from "@fermata/engine/EventLog"
import * as Effect from "effect/Effect"
import { observeSchedules } from "./ScheduleTests.ts"

/** The runs of histories. Two are of a tenant. */
export const runs = ["r0", "acme~r1", "acme~r2", "r3"]
/** The processes, the keys of what runs have, the ids of messages, and times (ms). */
export const owners = ["a", "b"]
export const keys = ["k0", "k1"]
export const messages = ["m0", "m1", "m2"]
export const times = [0, 1_000, 2_000, 3_000]

/** Everything that a reader can see. */
export const observe = (backend: Backend) =>
  Effect.all({
    runs: backend.runs({ limit: 100 }),
    changes: Effect.map(backend.changes(null, 1_000), ({ rows }) => rows.map(({ position: _, ...change }) => change)),
    suspended: backend.runs({ limit: 2, status: ["suspended", "queued"] }),
    labelled: backend.runs({ limit: 2, labels: { l: "1" }, status: ["queued", "completed"] }),
    begun: backend.runs({ limit: 3, since: 1_000, until: 1_000, prefix: "r", reason: ["timer", "signal"] }),
    ofWorkflow: backend.runs({ limit: 3, workflow: "purchase", until: 1_000 }),
    tenants: backend.tenants(),
    ofTenant: backend.runs({ limit: 2, tenant: "acme", status: ["queued", "suspended", "completed"] }),
    censusOf: backend.censusOf("acme"),
    approvalsIn: backend.approvals(null, 100, "acme"),
    accessTokensOf: backend.accessTokens(100, undefined, "acme"),
    auditIn: backend.audit({ limit: 3, tenant: "acme" }),
    trees: Effect.forEach(runs, (root) => backend.runs({ limit: 100, root })),
    entries: Effect.forEach(runs, (run) => backend.entries(run, 0, 100)),
    inbox: Effect.forEach(runs, backend.inbox),
    inboxOf: Effect.forEach(owners, (owner) => backend.inboxOf(owner, 100)),
    outbox: backend.outbox(100, true),
    approval: Effect.forEach(runs, (run) => backend.approval(run, "k0")),
    approvals: backend.approvals(null, 100),
    approvalsOf: Effect.forEach(runs, (run) => backend.approvals(run, 100)),
    events: backend.events({ limit: 100 }),
    eventsBefore: backend.events({ limit: 1, before: positionOf(3), name: "event-k0" }),
    endpoint: Effect.forEach(keys, backend.endpoint),
    endpoints: backend.endpoints({ limit: 9 }),
    anyRunEndpoint: backend.anyRunEndpoint,
    oldestEvent: backend.oldestEvent,
    eventWaits: Effect.forEach(keys, (key) => backend.eventWaits(`event-${key}`)),
    awaited: Effect.forEach(runs, (run) =>
      Effect.forEach([null, { path: pathOf(["id"]), value: "1" }, { path: pathOf([]), value: "2" }], (equality) =>
        Effect.forEach([null, positionOf(1)], (after) =>
          backend.awaited({ run, key: "k0", event: "event-k0", equality }, after, 2)))),
    blobs: Effect.forEach(keys, backend.blob),
    definitions: backend.definitions,
    byHash: Effect.forEach(messages, backend.definitionByHash),
    owners: backend.owners,
    due: Effect.forEach([-1, ...times], (after) =>
      backend.nextDue(after, null)),
    dueOfRoots: backend.nextDue(-1, ["r0", "acme~r1"]),
    dueRuns: backend.due(-1, 2_000, 3),
    stranded: backend.stranded(3),
    strandedBefore: backend.stranded(10, "acme~r1"),
    findings: backend.findings(100),
    census: backend.census,
    standing: backend.standing({}),
    standingOf: backend.standing({ agent: "r0", workspace: "" }),
    accessToken: Effect.forEach(keys, backend.accessToken),
    accessTokens: backend.accessTokens(100),
    accessTokensBehind: backend.accessTokens(1, "k0"),
    audit: backend.auditChain(0, 1_000),
    auditOf: backend.audit({ limit: 3, run: "r0", who: "k0", since: 1_000 }),
    requests: Effect.forEach(keys, (caller) =>
      Effect.forEach(messages, (key) => backend.request(caller, key))),
    schedules: observeSchedules(backend),
    retention: backend.retention,
    endedGroups: backend.endedGroups(null, 100),
    ended: Effect.forEach([null, "acme"], (tenant) =>
      backend.ended({ tenant, workflow: "purchase", status: "completed", until: 2_000, beyond: 1 }, 2, 0)),
    endedBy: backend.runs({ limit: 2, top: true, endedUntil: 2_000 }),
    spending: backend.spending({}),
    sensors: backend.sensors({ limit: 100 }),
    sensorsOf: backend.sensors({ limit: 2, sensor: "mail", before: positionOf(4) }),
    sensorsIn: backend.sensors({ limit: 2, tenant: "acme" }),
    sensor: Effect.forEach([undefined, "acme"], (tenant) =>
      backend.sensor(tenant, "k0")),
    oldestSensor: backend.oldestSensor,
    source: backend.source("acme~k0"),
    sources: backend.sources(),
    sourcesIn: backend.sources("acme"),
    dayRaises: backend.dayRaises({}),
    dayRaisesOf: backend.dayRaises({ workflow: "purchase", since: 1, until: 20_000 }),
    spendingOf: backend.spending({ workflow: "purchase", since: 0, until: 19_999 })
  })
