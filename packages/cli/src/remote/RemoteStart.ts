/** Starts a run at a server and follows it: what `fermata run --server` does. */
import type { Contract } from "@fermata/contracts/Contract"
import * as ContractNeeds from "@fermata/contracts/ContractNeeds"
import type { StepKinds } from "@fermata/contracts/StepKind"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { followAndAsk } from "../Ask.ts"
import { type CommandFailed, refused } from "../CommandFailed.ts"
import * as Commands from "../Commands.ts"
import { isServedBy, isWorking } from "../ContractNeeds.ts"
import type { Globals } from "../Globals.ts"
import type { Operator } from "../Operator.ts"
import { document, line, note } from "../Output.ts"
import { report } from "../Report.ts"
import { checkOptions, isContractFile, type Request, type StartedRun, tellStarted } from "../Request.ts"
import type { ServerPlace } from "../ServerPlace.ts"
import * as Words from "../Words.ts"
import * as Remote from "./Remote.ts"
import * as RemoteContracts from "./RemoteContracts.ts"

/** Starts the run, which the workers of the server go on with. A contract file is checked there as a whole before anything is stored. */
export const start = (
  given: Globals,
  place: ServerPlace,
  request: Request
): Effect.Effect<void, CommandFailed, Scope.Scope> =>
  Effect.gen(function*() {
    yield* checkOptions(request)
    const { globals, operator } = yield* Remote.open(given, place)
    const file = isContractFile(request.workflow)
      ? yield* RemoteContracts.read(operator, request.workflow)
      : undefined
    const workflow = file?.id ?? request.workflow
    if (file !== undefined) yield* operator.refine(operator.contracts.add(file.document))
    if (!request.detach) yield* checkServed(operator, place, workflow, file?.version)
    const { event, eventName, input, isNew, key, labels, title } = request
    const started = yield* operator.refine(operator.runs.start(workflow, input?.value, {
      ...(file === undefined ? {} : { version: file.version }),
      ...(event === undefined
        ? {}
        : { event: { payload: event.value, ...(eventName === undefined ? {} : { name: eventName }) } }),
      ...(key === undefined ? {} : { key }),
      ...(title === undefined ? {} : { title }),
      ...(labels === undefined ? {} : { labels }),
      ...(isNew ? { new: true } : {})
    }))
    // Who only starts need not be one who may look.
    const found = request.detach
      ? yield* Effect.orElseSucceed(operator.refine(operator.runs.find(started.runId)), () => undefined)
      : yield* operator.look(operator.runs.find(started.runId))
    const definition = found === undefined
      ? `${workflow}${file === undefined ? "" : `@${file.version}`}`
      : Words.definition(found)
    const run: StartedRun = { ...started, workflow, definition }
    yield* tellStarted(run, request)
    if (request.detach) return yield* detached(operator, globals, run, found?.status ?? "queued")
    const from = started.joined ? found?.entries ?? 0 : 0
    const followed = yield* followAndAsk(operator, globals, started.runId, { from, work: "if-nobody-does" })
    yield* report(followed, { globals, joined: started.joined, otherInput: started.otherInput })
  })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** Refuses a contract that no worker of the server can go on with. Of programs the server knows it by itself. */
const checkServed = Effect.fnUntraced(function*(
  operator: Operator,
  { url }: ServerPlace,
  workflow: string,
  version: string | undefined
): Effect.fn.Return<void, CommandFailed> {
  const known = yield* operator.contractOf(workflow, version)
  if (known === undefined) return
  const owners = yield* operator.refine(operator.runs.owners)
  if (owners.some((owner) => isServedBy(known.contract, owner, known.kinds))) return
  const { id, version: found } = known.contract
  return yield* refused(
    "NotServed",
    owners.some(isWorking)
      ? `Nobody can run ${id}@${found} at ${url}: it needs ${
        Words.list(needsOf(known.contract, known.kinds))
      }, and no worker that lives there has all of it`
      : `Nobody can run ${id}@${found} at ${url}: no worker lives there`,
    ["start a worker with the configuration that has it, there", "--detach records the run and leaves it to a worker"]
  )
})

const needsOf = (contract: Contract, kinds: StepKinds): ReadonlyArray<string> => {
  const { model, services, tasks } = ContractNeeds.of(contract, kinds)
  return [
    ...tasks.map((task) => `the task ${JSON.stringify(task)}`),
    ...(model ? ["a model"] : []),
    ...services.map((service) => `the service ${JSON.stringify(service)}`)
  ]
}

/** Tells that the run is recorded, and who will work on it. */
const detached = Effect.fnUntraced(function*(
  operator: Operator,
  { json }: Globals,
  { joined, otherInput, runId }: StartedRun,
  status: string
) {
  const owners = yield* Effect.orElseSucceed(operator.refine(operator.runs.owners), () => undefined)
  if (owners !== undefined && !owners.some(isWorking)) {
    yield* note("  no worker is running there, so it waits until one is")
  }
  yield* note(`  to follow it: ${Commands.followRecorded(runId)}`)
  yield* json
    ? document({ runId, joined, otherInput, status, usage: {}, steps: { executed: 0, replayed: 0 } })
    : line(runId)
})
