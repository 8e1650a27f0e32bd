/**
 * Starts a run and follows it: what `fermata run` does.
 */
import type { Contract } from "@fermata/contracts/Contract"
import * as ContractCalls from "@fermata/contracts/ContractCalls"
import * as ContractNeeds from "@fermata/contracts/ContractNeeds"
import * as ContractTrigger from "@fermata/contracts/ContractTrigger"
import type { Owner } from "@fermata/core/Owner"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { existsSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { followAndAsk } from "./Ask.ts"
import { type CommandFailed, refused } from "./CommandFailed.ts"
import * as Commands from "./Commands.ts"
import * as Config from "./Config.ts"
import { type ContractFile, fileLabel, readContract } from "./ContractFile.ts"
import { declarations, isServedBy, isWorking, missingIn } from "./ContractNeeds.ts"
import type { Globals } from "./Globals.ts"
import * as Host from "./Host.ts"
import * as Kinds from "./Kinds.ts"
import * as KnownConfigs from "./KnownConfigs.ts"
import { document, line, note } from "./Output.ts"
import { report } from "./Report.ts"
import { checkOptions, isContractFile, type Request, type StartedRun, tellStarted } from "./Request.ts"
import * as Words from "./Words.ts"

/** Starts the run. A contract file is checked as a whole before anything is stored. */
export const start = (globals: Globals, request: Request): Effect.Effect<void, CommandFailed, Scope.Scope> =>
  Effect.gen(function*() {
    if (globals.server !== undefined) {
      const RemoteStart = yield* Effect.promise(() => import("./remote/RemoteStart.ts"))
      return yield* RemoteStart.start(globals, globals.server, request)
    }
    yield* checkOptions(request)
    const file = isContractFile(request.workflow) ? yield* readContract(request.workflow, globals) : undefined
    const folders = file === undefined ? [process.cwd()] : [dirname(resolve(file.file)), process.cwd()]
    const loaded = yield* Config.loadOrRecall(globals, folders, file === undefined ? request.workflow : undefined)
    yield* Host.checkModel(globals, loaded)
    if (request.detach && globals.model !== undefined) {
      return yield* refused(
        "InvalidValue",
        "--model and --detach exclude each other: what is left to a worker asks the models of that worker",
        [`give it to the worker: ${Commands.workWithModel()}`]
      )
    }
    // Without a database there is no worker either, and none is made for a run that is refused.
    if (file !== undefined && !existsSync(globals.db)) yield* checkServed(file.contract, loaded, request, [])
    const host = yield* Host.open(globals, { command: "run", config: loaded, idle: request.detach })
    yield* host.serve()
    const lack = host.lack(request.workflow)
    if (lack !== undefined && !request.detach) {
      return yield* refused("ModelUnavailable", `Nobody can run ${request.workflow} here: ${lack}`)
    }
    if (file !== undefined) yield* checkName(file.contract.id, host.served())
    // The program that is here is meant before a contract that somebody has once added under its name.
    const contract = file?.contract ??
      (isAmong(host.served(), request.workflow) ? undefined : yield* contractNamed(host, request.workflow))
    const owners = yield* host.refine(host.runs.owners)
    const servedHere = contract === undefined || (yield* checkServed(contract, loaded, request, owners))
    if (contract !== undefined && !request.detach) {
      const stored = (yield* host.refine(host.contracts.list)).map(({ contract }) => contract)
      const all = [contract, ...ContractCalls.reachable(contract, stored, host.kinds)]
      yield* checkModel(host, globals, all)
      for (const one of all) {
        yield* checkAgents(host, one, owners)
        yield* checkCalls(host, one)
        yield* checkServed(one, loaded, request, owners)
      }
    }
    const started = contract === undefined
      ? yield* startProgram(host, globals, request)
      : yield* startContract(host, globals, request, file, contract)
    const { runId } = started
    if (loaded.file !== undefined) yield* KnownConfigs.remember(globals.db, started.workflow, loaded.file)
    yield* tellStarted(started, request)
    if (request.detach) {
      return yield* detached(
        host,
        globals,
        started,
        (owner) =>
          contract === undefined
            ? owner.serves.programs.includes(started.definition)
            : isServedBy(contract, owner, Kinds.of(loaded.config))
      )
    }
    const from = started.joined ? (yield* host.refine(host.runs.find(runId))).entries : 0
    const followed = yield* followAndAsk(host, globals, runId, { from, work: servedHere ? "here" : "if-nobody-does" })
    yield* report(followed, { globals, joined: started.joined, otherInput: started.otherInput })
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/**
 * Whether this process can work on the contract's runs. One that nobody can is
 * refused before it is started, unless it is left to a worker that is to come.
 */
const checkServed = (
  contract: Contract,
  { config, file }: Config.Loaded,
  { detach }: Request,
  owners: ReadonlyArray<Owner>
): Effect.Effect<boolean, CommandFailed> => {
  const needs = missingIn(contract, config)
  if (needs.length === 0) return Effect.succeed(true)
  if (detach || owners.some((owner) => isServedBy(contract, owner, Kinds.of(config)))) return Effect.succeed(false)
  const place = file === undefined ? "no fermata.config.ts was found" : `in ${fileLabel(file)}`
  return Effect.fail(refused(
    "NotServed",
    `Nobody can run ${contract.id}@${contract.version}: here is ${
      Words.list(needs)
    } (${place}), and no worker that lives has it`,
    [
      ...declarations(contract, config).map((text) =>
        `declare in ${file === undefined ? "a fermata.config.ts" : fileLabel(file)}: ${text}`
      ),
      "--config FILE names another configuration; --detach records the run and leaves it to a worker"
    ]
  ))
}

/** Refuses a contract with an agent whose models can be asked neither here nor by a worker that lives. */
const checkAgents = (
  host: Host.Host,
  contract: Contract,
  owners: ReadonlyArray<Owner>
): Effect.Effect<void, CommandFailed> => {
  for (const { workflow } of ContractCalls.callsOf(contract, host.kinds)) {
    const lack = host.lack(workflow)
    if (lack === undefined) continue
    if (owners.some((owner) => isWorking(owner) && isAmong(owner.serves.programs, workflow))) continue
    return Effect.fail(
      refused(
        "ModelUnavailable",
        `Nobody can run ${contract.id}@${contract.version}: it has the agent "${workflow}" work, and ${lack}`
      )
    )
  }
  return Effect.void
}

/** Refuses a model that no step of these contracts would ask. A program that they call may ask one. */
const checkModel = (
  { kinds }: Host.Host,
  { model }: Globals,
  contracts: ReadonlyArray<Contract>
): Effect.Effect<void, CommandFailed> => {
  const mayAsk = (one: Contract): boolean =>
    ContractNeeds.of(one, kinds).model || ContractCalls.hasAgents(one, kinds) ||
    ContractCalls.callsOf(one, kinds).some(({ workflow }) => !contracts.some(({ id }) => id === workflow))
  if (model === undefined || contracts.some(mayAsk)) return Effect.void
  const names = contracts.map(({ id, version }) => `${id}@${version}`)
  return Effect.fail(
    refused(
      "ModelUnused",
      `--model ${model}: there are no agents and no llm steps in ${Words.list(names)}, so nobody would ask it`,
      ["leave it out"]
    )
  )
}

/** Refuses a contract that calls what the database has not: what this configuration has, it has by now. */
const checkCalls = (host: Host.Host, contract: Contract): Effect.Effect<void, CommandFailed> =>
  Effect.gen(function*() {
    const known = yield* host.refine(host.runs.workflows())
    const missing = ContractCalls.missing(contract, known, host.kinds)
    if (missing.length === 0) return
    return yield* refused(
      "NotServed",
      `Nobody can run ${contract.id}@${contract.version}: ${missing.map(({ message }) => message).join("; and ")}`,
      [
        "add the contract that it calls, or name the configuration that has the program with --config FILE",
        "--detach records the run all the same; it fails at that step if nothing is there by then"
      ]
    )
  })

/** Whether one of these programs, given as `name@version`, has the name. */
const isAmong = (programs: ReadonlyArray<string>, name: string): boolean =>
  programs.some((program) => program.slice(0, program.lastIndexOf("@")) === name)

/** A contract must not have the name of a program, or nobody knew which of them a name means. */
const checkName = (id: string, programs: ReadonlyArray<string>): Effect.Effect<void, CommandFailed> =>
  isAmong(programs, id)
    ? Effect.fail(
      refused(
        "InvalidValue",
        `The contract has the id "${id}", and the configuration has a program of that name: give one of them another`
      )
    )
    : Effect.void

const contractNamed = (host: Host.Host, name: string): Effect.Effect<Contract | undefined, CommandFailed> =>
  Effect.map(host.refine(host.contracts.list), (all) => all.find(({ id }) => id === name)?.contract)

const startContract = (
  host: Host.Host,
  { as }: Globals,
  { event, eventName, input, key, labels, title }: Request,
  file: ContractFile | undefined,
  contract: Contract
): Effect.Effect<StartedRun, CommandFailed> =>
  Effect.gen(function*() {
    const name = eventName ?? ContractTrigger.eventOf(contract)
    if (event !== undefined && name === undefined) {
      return yield* refused(
        "InvalidValue",
        `The contract ${contract.id} names no single event that triggers it, so --event needs --event-name N`
      )
    }
    const started = yield* host.refine(host.contracts.start({
      contract: file?.document ?? contract.id,
      by: as,
      // Both are JSON by how they were read.
      ...(input === undefined ? {} : { input: input.value as Schema.Json }),
      ...(event === undefined || name === undefined ? {} : { event: { name, payload: event.value as Schema.Json } }),
      ...(key === undefined ? {} : { key }),
      ...(title === undefined ? {} : { title }),
      ...(labels === undefined ? {} : { labels })
    }))
    return { ...started, workflow: contract.id, definition: `${contract.id}@${contract.version}` }
  })

const startProgram = (
  host: Host.Host,
  { as }: Globals,
  { event, input, isNew, key, labels, title, workflow }: Request
): Effect.Effect<StartedRun, CommandFailed> =>
  Effect.gen(function*() {
    if (event !== undefined) {
      return yield* refused(
        "InvalidValue",
        `--event is for contracts, and "${workflow}" is ${
          (yield* isProgram(host, workflow)) ? "a program" : "none"
        }: give its payload with --input J`
      )
    }
    const started = yield* host.refine(host.runs.start(workflow, input === undefined ? {} : input.value, {
      by: as,
      ...(key === undefined ? {} : { key }),
      ...(title === undefined ? {} : { title }),
      ...(labels === undefined ? {} : { labels }),
      ...(isNew ? { new: true } : {})
    }))
    const run = yield* host.refine(host.runs.find(started.runId))
    return { ...started, workflow: run.workflow, definition: Words.definition(run) }
  })

const isProgram = (host: Host.Host, name: string): Effect.Effect<boolean, CommandFailed> =>
  Effect.map(
    host.refine(host.runs.workflows(name)),
    (all) => all.some(({ kind }) => kind === "program")
  )

/** Tells that the run is recorded, and who will work on it. */
const detached = (
  host: Host.Host,
  globals: Globals,
  { definition, joined, otherInput, runId }: StartedRun,
  serves: (owner: Owner) => boolean
) =>
  Effect.gen(function*() {
    const workers = (yield* host.refine(host.runs.owners)).filter(isWorking)
    const able = workers.filter(serves)
    yield* note(
      workers.length === 0
        ? `  no worker is running, so it waits until one is: ${Commands.workAsNobodyDoes()}`
        : able.length === 0
        ? `  no worker that runs serves ${definition}, so it waits until one does: ${Commands.workAsNobodyServes()}`
        : `  ${Words.count(able.length, "worker")} can take it up`
    )
    yield* note(`  to follow it: ${Commands.followRecorded(runId)}`)
    const { status } = yield* host.refine(host.runs.find(runId))
    if (globals.json) {
      yield* document({ runId, joined, otherInput, status, usage: {}, steps: { executed: 0, replayed: 0 } })
    } else yield* line(runId)
  })
