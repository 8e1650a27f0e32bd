/** The services of a command at a server. */
import type { BulkPreview, BulkRequest, BulkStarted } from "@fermata/core/BulkAct"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { CommandFailed, exitCodes } from "../CommandFailed.ts"
import type { Globals } from "../Globals.ts"
import type { Operator } from "../Operator.ts"
import { note } from "../Output.ts"
import { refine as refineHere } from "../Refine.ts"
import type { ServerPlace } from "../ServerPlace.ts"
import * as Calls from "./Calls.ts"
import * as Patience from "./Patience.ts"
import * as RemoteRuns from "./RemoteRuns.ts"
import * as RemoteSchedules from "./RemoteSchedules.ts"
import * as RemoteStreams from "./RemoteStreams.ts"
import * as RemoteTasks from "./RemoteTasks.ts"
import * as RemoteWebhooks from "./RemoteWebhooks.ts"

/** A server that lets this command in, and the options of the command as whoever it is there. */
export interface Opened {
  readonly operator: Operator
  readonly globals: Globals
}

/** Asks the server who this is, so that whatever stands between is told before anything is done. */
export const open = (
  globals: Globals,
  place: ServerPlace
): Effect.Effect<Opened, CommandFailed, Scope.Scope> =>
  Effect.gen(function*() {
    const { hostname, protocol } = new URL(place.url)
    if (place.token !== undefined && protocol === "http:" && !isLoopback(hostname)) {
      yield* note(`warning: ${place.url} has no TLS, so the token can be read on the way`)
    }
    const calls = yield* Calls.make(place, globals.tenant)
    const { ask, client } = calls
    const [me, response] = yield* Effect.mapError(
      refine(ask(client.access.me({ responseMode: "decoded-and-response" }))),
      // Before anything is asked for, nothing is done.
      (failure) => new CommandFailed({ ...failure, message: failure.message, exitCode: exitCodes.refused })
    )
    // Its times are told by its clock, as far as that is another.
    const now = yield* Clock.currentTimeMillis
    const ahead = Date.parse(response.headers["date"] ?? "") - now
    const skew = Math.abs(ahead) > ordinarySkewMs ? ahead : 0
    const clock = yield* Clock.Clock
    const runs = RemoteRuns.make(calls)
    const onMany = ({ action, ...payload }: BulkRequest & { readonly confirm?: number; readonly dryRun?: boolean }) =>
      action === "delete"
        ? ask(client.runs.prune({ payload }))
        : ask(client.runs.actions({ payload: { ...payload, action } }))
    const operator: Operator = {
      runs,
      bulk: {
        preview: (request) =>
          onMany({ ...request, dryRun: true }).pipe(
            Effect.map((told) => told as BulkPreview),
            // A look needs no word and starts nothing.
            Effect.catchTag(["BulkUnconfirmed", "PayloadRefused"], Effect.die)
          ),
        start: (request, { by: _, key: _key, ...options }) =>
          Effect.map(onMany({ ...request, ...options }), (told) => told as BulkStarted)
      },
      contracts: {
        check: (document) =>
          Effect.map(ask(client.contracts.check({ payload: document })), ({ problems }) => problems as never),
        add: (document) => Effect.map(ask(client.contracts.add({ payload: document })), (added) => added),
        heads: Calls.pages((query) =>
          Effect.map(
            ask(client.contracts.list({ query })),
            ({ contracts, next }) => ({ items: contracts as never, next })
          )
        )
      },
      events: {
        emit: (name, payload, { id } = {}) =>
          Effect.map(
            ask(client.events.emit({ payload: { name, payload, ...(id === undefined ? {} : { id }) } })),
            (emitted) => emitted.id
          ),
        publish: (name, payload, { id } = {}) =>
          Effect.map(
            ask(client.events.emit({ payload: { name, payload, tell: true, ...(id === undefined ? {} : { id }) } })),
            (emitted) => ({ id: emitted.id, runs: emitted.runs ?? [] })
          ),
        kept: ({ before, limit, name }) =>
          Calls.pages(
            (query) =>
              Effect.map(
                ask(client.events.list({ query: { ...query, ...(name === undefined ? {} : { name }) } })),
                ({ events, next }) => ({ items: events as never, next })
              ),
            limit,
            before
          )
      },
      sensors: {
        ingest: (event, { tell } = {}) =>
          ask(client.sensors.ingest({ payload: event, query: tell === true ? { tell: "true" } : {} })),
        find: (position) => ask(client.sensors.get({ params: { position } })),
        list: ({ before, limit, sensor } = {}) =>
          Calls.pages(
            (query) =>
              Effect.map(
                ask(client.sensors.list({ query: { ...query, ...(sensor === undefined ? {} : { sensor }) } })),
                ({ events, next }) => ({ items: events, next })
              ),
            limit,
            before
          )
      },
      sources: {
        list: Calls.pages((query) =>
          Effect.map(ask(client.sources.list({ query })), ({ next, sources }) => ({ items: sources, next }))
        ),
        find: (source) => ask(client.sources.get({ params: { source } })),
        put: (source, declaration) => ask(client.sources.put({ params: { source }, payload: declaration })),
        remove: (source) => ask(client.sources.remove({ params: { source } })),
        pause: (source, { note }) =>
          ask(client.sources.pause({ params: { source }, payload: note === undefined ? {} : { note } })),
        resume: (source) => ask(client.sources.resume({ params: { source } })),
        test: (source, sample) => ask(client.sources.test({ params: { source }, payload: sample }))
      },
      tokens: {
        create: ({ by: _, ...options }) =>
          Effect.map(
            ask(client.access.createToken({ payload: options })),
            ({ token: text, ...token }) => ({ token, text: Redacted.make(text) })
          ),
        list: ({ after, limit = 50 } = {}) =>
          Calls.pages(
            (query) =>
              Effect.map(ask(client.access.tokens({ query })), ({ next, tokens }) => ({ items: tokens, next })),
            limit,
            after
          ),
        remove: (token) => ask(client.access.removeToken({ params: { token } }))
      },
      tenants: {
        list: Calls.pages((query) =>
          Effect.map(ask(client.tenants.list({ query })), ({ next, tenants }) => ({ items: tenants, next }))
        ),
        delete: (tenant) => ask(client.tenants.delete({ params: { tenant } })),
        limit: (tenant, quotas) => ask(client.tenants.limit({ params: { tenant }, payload: quotas }))
      },
      exports: {
        export: (run) => ask(client.runs.export({ params: { run } })),
        import: (document) => ask(client.runs.import({ payload: document }))
      },
      retention: {
        delete: (run) => ask(client.runs.delete({ params: { run } })),
        rules: Effect.map(ask(client.retention.list()), ({ rules }) => rules),
        set: (limits) => ask(client.retention.set({ payload: limits })),
        unset: (scope) => ask(client.retention.unset({ query: scope }))
      },
      schedules: RemoteSchedules.make(calls),
      tasks: RemoteTasks.make(calls),
      webhooks: RemoteWebhooks.make(calls),
      audit: {
        list: ({ action, before, limit = 50, run, since, who } = {}) => {
          const wanted = {
            ...(action === undefined ? {} : { action }),
            ...(run === undefined ? {} : { run }),
            ...(since === undefined ? {} : { since }),
            ...(who === undefined ? {} : { who })
          }
          return Calls.pages(
            (query) =>
              Effect.map(
                ask(client.audit.list({ query: { ...query, ...wanted } })),
                ({ lines, next }) => ({ items: lines, next })
              ),
            limit,
            before === undefined ? undefined : String(before)
          )
        },
        verify: ({ head } = {}) => ask(client.audit.verify({ query: head === undefined ? {} : { head } }))
      },
      chunks: {
        follow: (run, after) => RemoteStreams.said(calls, run, after)
      },
      contractOf: (id, version = "newest") =>
        refine(client.contracts.get({ params: { contract: id, version } })).pipe(
          Effect.flatMap(({ document }) => readable(document)),
          Effect.catchIf(({ code }) => code === "ContractNotFound", () => Effect.undefined)
        ),
      here: undefined,
      there: {
        url: place.url,
        mayAnswer: me.scopes.includes("approve"),
        agents: refine(
          Calls.pages((query) =>
            Effect.map(ask(client.agents.list({ query })), ({ agents, next }) => ({ items: agents, next }))
          )
        )
      },
      now: () => clock.currentTimeMillisUnsafe() + skew,
      sleep: (millis) => Effect.sleep(millis),
      use: (effect) =>
        refine(Effect.flatMap(
          Effect.promise(() => import("@fermata/engine/Runs")),
          ({ Runs }) => Effect.provideService(effect, Runs, runs)
        )),
      refine,
      look: (effect) => Patience.look(place, refine(effect))
    }
    return { operator, globals: { ...globals, as: me.name, roles: me.roles, asFrom: "default", usually: me.name } }
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** A contract, where its steps are of the standard kinds: others are not here. */
const readable = (document: unknown) =>
  Effect.gen(function*() {
    const { check } = yield* Effect.promise(() => import("@fermata/contracts/ContractValidation"))
    const { standardKinds } = yield* Effect.promise(() => import("@fermata/contracts/StandardKinds"))
    const { contract } = check(document, standardKinds)
    return contract && { contract, kinds: standardKinds }
  })

/** The failure of a command, with what helps at a server. */
const refine: Operator["refine"] = (effect) =>
  Effect.mapError(refineHere(effect), (failure) =>
    failure.code === "NotAllowed"
      ? new CommandFailed({ ...failure, message: failure.message, details: ["answer with a token of one of them"] })
      : failure)

/** Times are told in whole seconds, and take a while on the way. */
const ordinarySkewMs = 3_000

const isLoopback = (hostname: string): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
