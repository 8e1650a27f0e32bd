/** What a configuration offers to clients: each of its workflows, agents and contracts as a tool that starts a run and waits for it. */
import type { Contract } from "@fermata/contracts/Contract"
import * as ContractTrigger from "@fermata/contracts/ContractTrigger"
import type { Started } from "@fermata/core/RunStart"
import { didYouMean } from "@fermata/core/Suggestion"
import { newestFirst } from "@fermata/core/VersionOrder"
import type { DefinitionRow } from "@fermata/engine/Backend"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { type CommandFailed, refused } from "../CommandFailed.ts"
import * as Config from "../Config.ts"
import { readContract } from "../ContractFile.ts"
import type { Globals } from "../Globals.ts"
import type { Host } from "../Host.ts"
import * as KnownConfigs from "../KnownConfigs.ts"
import { err, note } from "../Output.ts"
import * as Words from "../Words.ts"
import * as Standing from "./Standing.ts"
import type { Hints, Tool } from "./Tool.ts"
import {
  anything,
  asObject,
  closed,
  described,
  type Document,
  objectOf,
  type ObjectShape,
  property,
  withProperties
} from "./ToolShape.ts"
import { wait } from "./Waiting.ts"

/** The longest that a call may be told to wait, in seconds. */
export const longestWaitSeconds = 3_600

/** The tools, by name. What cannot run here is told and left out. */
export const of = (
  host: Host,
  globals: Globals,
  loaded: Config.Loaded,
  waitMs: number
): Effect.Effect<ReadonlyArray<Tool>, CommandFailed> =>
  Effect.gen(function*() {
    const offers = [...(yield* programs(host, loaded)), ...(yield* contracts(host, loaded))]
    const names = new Set<string>()
    return offers.map((offer) => {
      const name = nameFor(offer.workflow, names)
      names.add(name)
      return toolOf(host, globals, loaded, offer, name, waitMs)
    })
  })

/** A name that every client and every model takes: letters, digits, `_` and `-`, at most 64, and no other's. */
export const nameFor = (workflow: string, taken: ReadonlySet<string>): string => {
  const plain = workflow.replaceAll(/[^A-Za-z0-9_-]/g, "_").slice(0, mostLetters)
  const own = plain.startsWith(reserved) ? `run_${plain}`.slice(0, mostLetters) : plain
  if (!taken.has(own)) return own
  const free = (count: number): string => {
    const ending = `_${count}`
    const name = `${own.slice(0, mostLetters - ending.length)}${ending}`
    return taken.has(name) ? free(count + 1) : name
  }
  return free(2)
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const mostLetters = 64
/** What the names of the server's own tools begin with. */
const reserved = "fermata_"

/** A workflow that runs can be started of. */
interface Offer {
  readonly workflow: string
  readonly title: string
  readonly description: string
  /** What a client gives, without what is said about the call itself. */
  readonly input: ObjectShape
  readonly output: Document
  /** The same arguments are the same run. */
  readonly isIdempotent: boolean
  readonly start: (
    given: Readonly<Record<string, unknown>>,
    options: { readonly by: string; readonly key: string | undefined }
  ) => Effect.Effect<Started, CommandFailed>
}

const keyField = "_key"
const waitField = "_waitSeconds"

const callFields = {
  [keyField]: {
    type: "string",
    minLength: 1,
    description:
      "Names the run: calls with the same key are the same run. Give one to be able to call again after a failure"
  },
  [waitField]: {
    type: "number",
    minimum: 0,
    maximum: longestWaitSeconds,
    description: "How long this call waits for the run; the run goes on without it"
  }
}

const Call = Schema.Struct({
  [keyField]: Schema.optionalKey(Schema.NonEmptyString),
  [waitField]: Schema.optionalKey(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: longestWaitSeconds })))
})
const decodeCall = Schema.decodeUnknownEffect(Call)

const toolOf = (
  host: Host,
  globals: Globals,
  { file }: Config.Loaded,
  { description, input, isIdempotent, output, start, title, workflow }: Offer,
  name: string,
  waitMs: number
): Tool => {
  const hints: Hints = { readOnlyHint: false, destructiveHint: true, idempotentHint: isIdempotent, openWorldHint: true }
  return {
    name,
    title,
    description,
    hints,
    input: withProperties(input, callFields),
    output: Standing.shapeOf(output),
    call: ({ [keyField]: key, [waitField]: seconds, ...given }, caller) =>
      Effect.gen(function*() {
        const call = yield* Effect.mapError(
          decodeCall({ ...pick(keyField, key), ...pick(waitField, seconds) }),
          ({ message }) =>
            refused("InvalidValue", `The arguments of ${name} do not fit: ${message.replaceAll(/\s+/g, " ")}`)
        )
        yield* checkNames(name, input, given)
        const started = yield* start(given, { by: caller.by, key: call[keyField] })
        if (file !== undefined) yield* KnownConfigs.remember(globals.db, workflow, file)
        const from = started.joined ? (yield* host.refine(host.runs.find(started.runId))).entries : 0
        const limit = call[waitField] === undefined ? waitMs : call[waitField] * 1_000
        const view = yield* wait(host, started.runId, caller, { from, waitMs: limit })
        return yield* Standing.of(host, view, caller.by, started)
      })
  }
}

/** Refuses an argument that the tool does not have. */
const checkNames = (
  tool: string,
  { additionalProperties, properties }: ObjectShape,
  given: object
): Effect.Effect<void, CommandFailed> => {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(properties, name))
  if (additionalProperties !== false || unknown === undefined) return Effect.void
  const known = Object.keys(properties)
  const meant = didYouMean(unknown, known)
  return Effect.fail(refused(
    "InvalidValue",
    `${tool} takes no argument ${JSON.stringify(unknown)}; ${
      meant === undefined ? `it takes ${[...known, keyField, waitField].join(", ")}` : `did you mean "${meant}"?`
    }`
  ))
}

const pick = (name: string, value: unknown): object => value === undefined ? {} : { [name]: value }

/** What a client gives: the properties of the input, or the input as one of them where it is no object, or has properties that are said of the call. */
interface Given {
  readonly shape: ObjectShape
  readonly read: (given: Readonly<Record<string, unknown>>) => unknown
}

const givenOf = (document: Document, isOptional = false): Given => {
  const own = asObject(document)
  return own === undefined || keyField in own.properties || waitField in own.properties
    ? { shape: objectOf({ input: document }, isOptional ? [] : ["input"]), read: ({ input }) => input }
    : { shape: closed(own), read: (given) => given }
}

const PayloadAndSuccess = Schema.fromJsonString(Schema.Struct({ payload: Schema.Unknown, success: Schema.Unknown }))
const decodeSchemas = Schema.decodeUnknownOption(PayloadAndSuccess)
const decodeDocument = Schema.decodeUnknownOption(Schema.Struct({
  schema: Schema.Record(Schema.String, Schema.Unknown),
  definitions: Schema.Record(Schema.String, Schema.Record(Schema.String, Schema.Unknown))
}))

const documentOf = (stored: unknown): Document => Option.getOrElse(decodeDocument(stored), () => anything)

/** The schemas of a program, as the store keeps them for those who have not its code. */
const schemasOf = ({ schemas }: DefinitionRow): { readonly payload: Document; readonly success: Document } => {
  const { payload, success } = Option.getOrElse(decodeSchemas(schemas), () => ({ payload: null, success: null }))
  return { payload: documentOf(payload), success: documentOf(success) }
}

/** Programs and agents: of each name the newest version that is served here. */
const programs = (host: Host, { config }: Config.Loaded): Effect.Effect<ReadonlyArray<Offer>, CommandFailed> =>
  Effect.gen(function*() {
    const { agents = [] } = config
    for (const { agent } of agents) {
      const lack = host.lack(agent.name)
      if (lack !== undefined) yield* note(`${err.yellow("warning:")} ${agent.name} is no tool here: ${lack}`)
    }
    const served = new Set(host.served())
    const rows = (yield* host.refine(host.store.backend.definitions)).filter((row) =>
      row.kind === "program" && served.has(Words.definition({ workflow: row.name, version: row.version }))
    )
    const newest = [...Map.groupBy(rows, ({ name }) => name).values()].map((versions) =>
      newestFirst(versions, ({ version }) => version)[0]!
    )
    return newest.map((row) => {
      const agent = agents.find(({ agent }) => agent.name === row.name)?.agent
      return agent === undefined ? programOffer(host, row) : agentOffer(host, row, agent.description)
    })
  })

const programOffer = (host: Host, row: DefinitionRow): Offer => {
  const { payload, success } = schemasOf(row)
  const { read, shape } = givenOf(payload)
  return {
    workflow: row.name,
    title: row.name,
    description: `${
      "description" in payload.schema && typeof payload.schema.description === "string"
        ? `${payload.schema.description}. `
        : ""
    }Runs the workflow ${row.name}, version ${row.version}. The same input is the same run.`,
    input: shape,
    output: success,
    isIdempotent: true,
    start: (given, { by, key }) =>
      host.refine(host.runs.start(row.name, read(given), { by, ...(key === undefined ? {} : { key }) }))
  }
}

const agentOffer = (host: Host, row: DefinitionRow, description: string): Offer => {
  const { payload, success } = schemasOf(row)
  const { read, shape } = givenOf(property(payload, "input") ?? anything)
  return {
    workflow: row.name,
    title: row.name,
    description: `Runs the agent ${row.name}${description === "" ? "" : `: ${description}`}`,
    input: shape,
    output: property(success, "output") ?? anything,
    isIdempotent: false,
    start: (given, { by, key }) =>
      Effect.gen(function*() {
        const id = key ?? (yield* WebCrypto).randomUUID()
        return yield* host.refine(host.runs.start(row.name, { id, input: read(given) }, { by }))
      })
  }
}

/** The contracts of the configuration that can run here. */
const contracts = (host: Host, loaded: Config.Loaded): Effect.Effect<ReadonlyArray<Offer>, CommandFailed> =>
  Effect.gen(function*() {
    const stored = yield* host.refine(host.contracts.list)
    const unserved = yield* host.refine(host.contracts.unserved)
    const files = yield* Effect.forEach(
      Config.contractFiles(loaded),
      (file) => Effect.orElseSucceed(readContract(file, host.kinds), () => undefined)
    )
    const offers: Array<Offer> = []
    for (const file of files) {
      const own = stored.find(({ id, version }) => id === file?.contract.id && version === file.contract.version)
      if (own === undefined) continue
      const left = unserved.find(({ hash }) => hash === own.hash)
      if (left === undefined) offers.push(contractOffer(host, own.contract))
      else {
        yield* note(
          `${err.yellow("warning:")} contract ${own.id}@${own.version} is no tool here: here is ${
            Words.list(left.lacks)
          }`
        )
      }
    }
    return offers
  })

const contractOffer = (host: Host, contract: Contract): Offer => {
  const { description, id, outputSchema, title, version } = contract
  const trigger = ContractTrigger.eventOf(contract)
  return {
    workflow: id,
    title,
    description: `Runs the contract ${id}, version ${version}: ${description ?? title}`,
    input: objectOf({
      input: {
        schema: described({}, "What the run sees as its input; what the event carries where it is left out"),
        definitions: {}
      },
      ...(trigger === undefined ? {} : {
        event: {
          schema: described({}, `What an event ${trigger} carries, as if it had come and started the run`),
          definitions: {}
        }
      })
    }),
    output: { schema: outputSchema ?? {}, definitions: {} },
    isIdempotent: false,
    start: ({ event, input }, { by, key }) =>
      host.refine(host.contracts.start({
        contract: id,
        version,
        by,
        // Both are JSON by how they came.
        ...(input === undefined ? {} : { input: input as Schema.Json }),
        ...(event === undefined || trigger === undefined
          ? {}
          : { event: { name: trigger, payload: event as Schema.Json } }),
        ...(key === undefined ? {} : { key })
      }))
  }
}
