/**
 * What the description of the API says beside its schemas: what each route is for,
 * the scope that it asks for, and how a caller shows who it is.
 */
import * as Context from "effect/Context"
import * as HttpApi from "effect/http-api/HttpApi"
import type * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import { RequiredScope } from "../Access.ts"

/** The version of the packages, which is that of the API. */
export const version = "0.1.0"

/** What the groups of routes are about. */
export const groups: Readonly<Record<string, string>> = {
  runs: "Runs: found, listed, started and steered.",
  journal: "What was recorded of a run, entry by entry.",
  steps: "The steps of a run: looked at, and settled where nobody knows what came of one.",
  artifacts: "What steps keep beside their outcomes, and values that are too large for an answer of their own.",
  diff: "Where two runs part.",
  agents: "Agents, and how far their runs are, beside what every run has.",
  approvals: "Questions to people, and their answers.",
  signals: "Messages to a run that waits for one.",
  events: "Events: published, and heard by whoever subscribes to their names.",
  sensors: "What comes in from outside: told by sensors and sources, and taken once.",
  sources: "Sources: who may send webhooks, and what comes of what they send.",
  webhooks: "Webhooks that go out: who is told of what, and what was sent.",
  runWebhooks: "The webhook of one run.",
  contracts: "Contracts: checked, stored, and shown as a graph.",
  workflows: "Workflows, as the store knows them: of programs and of documents.",
  retention: "Retention: for how long runs that have ended are kept.",
  policy: "Rules that answers let stand: calls of tools that are not asked about again.",
  spending: "What agents have spent, by the day, and what more they may spend on one.",
  streams:
    "Server-sent events. A client that comes back with `Last-Event-ID`, at whichever server, misses nothing and hears nothing twice.",
  system: "The server itself and the processes that work on runs.",
  audit: "Who has done what, in a chain that shows whether it was changed.",
  access: "Who calls, logins of browsers, and tokens.",
  schedules: "Schedules: what is started at which times, and what became of them.",
  tenants: "Tenants: namespaces of the store, and what each may have.",
  tasks: "Tasks: work that waits in queues until a worker takes it.",
  queues: "Queues of tasks: what each lets through, and the tasks that it gives to workers.",
  pause: "Whether tasks are given out at all."
}

/** What each route does, in a few words. */
export const routes: Readonly<Record<string, string>> = {
  "runs.list": "List runs, the last started first",
  "runs.counts": "Count runs by status",
  "runs.start": "Start a run, or join the one of its key",
  "runs.get": "Look at a run, at once or when it is over or wants somebody",
  "runs.find": "Look at a run as lists have it",
  "runs.cancel": "Cancel a run",
  "runs.pause": "Pause a run behind the steps that are under way",
  "runs.resume": "Let a paused run go on",
  "runs.confirm": "Say of a run in doubt that nothing has happened since its backup",
  "runs.raise": "Raise what a run may spend",
  "runs.fork": "Start another run that shares the beginning of this one",
  "runs.actions": "Cancel, pause, resume or retry many runs, or see which they would be",
  "runs.retry": "Start another run that goes on where this one failed",
  "journal.page": "Read the journal of a run, as JSON or as stored lines",
  "steps.list": "List the steps of a run",
  "steps.get": "Look at a step with its input and output",
  "steps.settle": "Say what came of a step of which nobody knows",
  "artifacts.list": "List what the steps of a run keep",
  "artifacts.content": "Read an artifact, whole or by ranges of bytes",
  "artifacts.blob": "Read a stored value by its hash, whole or by ranges of bytes",
  "diff.page": "Compare two runs",
  "agents.list": "List agents",
  "agents.state": "See how far a run of an agent is",
  "approvals.list": "List open questions",
  "approvals.get": "Look at a question",
  "approvals.answer": "Answer a question as the person whose token it is",
  "approvals.delegate": "Hand a question on to somebody else",
  "signals.send": "Send a signal to a run",
  "signals.sample": "See what a signal that a run waits for may look like",
  "events.list": "List events, the last first",
  "events.emit": "Publish an event",
  "sensors.list": "List what came in from outside, the last first",
  "sensors.get": "Look at something that came in",
  "sensors.ingest": "Tell what a sensor saw",
  "sources.list": "List sources",
  "sources.get": "Look at a source",
  "sources.put": "Declare a source",
  "sources.remove": "Forget a source",
  "sources.pause": "Have the senders of a source try again later",
  "sources.resume": "Let a source take what is sent again",
  "sources.test": "See what would come of a sample",
  "webhooks.list": "List endpoints",
  "webhooks.get": "Look at an endpoint",
  "webhooks.put": "Set an endpoint",
  "webhooks.remove": "Take an endpoint away",
  "webhooks.rotate": "Sign by another secret",
  "webhooks.pause": "Hold back what an endpoint is to be told of",
  "webhooks.resume": "Tell an endpoint again",
  "webhooks.test": "Send an endpoint a test",
  "webhooks.deliveries": "List what was sent to an endpoint",
  "webhooks.delivery": "Look at a delivery and its attempts",
  "webhooks.redeliver": "Send a delivery again",
  "webhooks.actions": "Send all dead deliveries again",
  "runWebhooks.get": "See whom a run tells, and each attempt",
  "runWebhooks.put": "Have a run tell a webhook",
  "runWebhooks.redeliver": "Send what a run has told again",
  "contracts.list": "List contracts",
  "contracts.add": "Store a contract",
  "contracts.check": "Check a contract, and store nothing",
  "contracts.get": "Read a contract",
  "contracts.graph": "Read a contract as a graph",
  "workflows.list": "List workflows, of programs and of documents",
  "runs.delete": "Delete a run that has ended, with its children",
  "runs.export": "Export a run with its children, as one document",
  "runs.import": "Import a run that was exported",
  "runs.prune": "Delete many runs that have ended, or see which they would be",
  "retention.list": "List the rules of retention",
  "retention.set": "Say for how long runs are kept",
  "retention.unset": "Take back a rule of retention",
  "policy.list": "List the rules that stand",
  "policy.revoke": "Take back a rule",
  "spending.sums": "Sum what agents have spent",
  "spending.raises": "List raises of what agents may spend on a day",
  "spending.raise": "Raise what an agent may spend on a day",
  "streams.run": "Follow the journal of a run",
  "streams.tokens": "Follow what the steps of a run say while they work",
  "streams.agent": "Follow a run of an agent, in its own events or as the AI SDK or AG-UI reads them",
  "streams.all": "Follow all runs",
  "system.heartbeat": "See that the server lives, without a look at its store",
  "system.health": "See that the server reaches its store",
  "system.workers": "List the processes that work on runs",
  "system.reap": "Hand over the runs of dead processes",
  "system.state": "See what there is to do, and who does it",
  "system.metrics": "Read counts and durations, as Prometheus reads them",
  "audit.list": "List who has done what, the last first",
  "audit.verify": "See whether the audit has been changed",
  "access.me": "See who one is here",
  "access.login": "Get a cookie for a token",
  "access.logout": "End a login",
  "access.tokens": "List tokens",
  "access.createToken": "Make a token",
  "access.removeToken": "Take back a token and every login by it",
  "schedules.list": "List schedules by name",
  "schedules.add": "Make or change the schedule that is named",
  "schedules.tick": "Fire what is due now",
  "schedules.get": "Look at a schedule",
  "schedules.put": "Make or change a schedule",
  "schedules.remove": "Forget a schedule and its firings",
  "schedules.pause": "Fire nothing until it is resumed",
  "schedules.resume": "Go on with the next slot",
  "schedules.run": "Fire a schedule now",
  "schedules.backfill": "Fire the slots of a span that has passed",
  "schedules.firings": "List what became of the last slots",
  "schedules.next": "List the next slots",
  "tenants.list": "List tenants",
  "tenants.get": "Look at a tenant",
  "tenants.limit": "Set what a tenant may have",
  "tenants.delete": "Delete all that a tenant has",
  "tasks.list": "List tasks, the last added first",
  "tasks.add": "Add a task to a queue",
  "tasks.queue": "Add a small task of an operator",
  "tasks.get": "Look at a task, and at what it waits for",
  "tasks.attempts": "List the attempts of a task",
  "tasks.cancel": "Cancel a task",
  "tasks.retry": "Have a task tried again",
  "tasks.extend": "Say that a task is still at work",
  "tasks.complete": "Say that a task is done",
  "tasks.fail": "Say that an attempt has failed",
  "tasks.release": "Give a task back",
  "queues.list": "List queues",
  "queues.configure": "Set what a queue lets through",
  "queues.pause": "Give out no further task of a queue",
  "queues.resume": "Give out tasks of a queue again",
  "queues.lease": "Take tasks of a queue, as a worker",
  "pause.get": "Look whether tasks are given out",
  "pause.set": "Give out no tasks at all, or go on"
}

type Json = Record<string, unknown>

/** A description with all of it. */
export const describe = <Id extends string, Groups extends HttpApiGroup.Constraint>(
  api: HttpApi.HttpApi<Id, Groups>,
  spec: Json
): Json => {
  const paths = spec["paths"] as Record<string, Record<string, Json>>
  HttpApi.reflect(api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint, group, mergedAnnotations }) => {
      const path = endpoint.path.replace(/(?<=.)\/$/, "").replaceAll(/:(\w+)/g, "{$1}")
      const operation = paths[path]?.[endpoint.method.toLowerCase()]
      if (operation === undefined) return
      const scope = Context.get(mergedAnnotations, RequiredScope)
      operation["summary"] = routes[`${group.identifier}.${endpoint.identifier}`]
      operation["description"] = scope === "anyone"
        ? "Open to anyone."
        : scope === "caller"
        ? "Asks for a token with any scope."
        : `Asks for the scope \`${scope}\`.`
      operation["security"] = scope === "anyone" ? [] : [{ token: [] }, { login: [] }]
    }
  })
  const components = spec["components"] as Json
  return {
    ...spec,
    components: {
      ...components,
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "A token, as `fermata token create` makes them." },
        login: { type: "apiKey", in: "cookie", name: "fermata", description: "The cookie of `POST /api/login`." }
      }
    },
    tags: (spec["tags"] as ReadonlyArray<{ readonly name: string }>).map(({ name }) => ({
      name,
      description: groups[name]
    }))
  }
}
