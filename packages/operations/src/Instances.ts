/** Instances of machines: made by a key, listed, shown, and moved from one state to another. */
import type { StartRefused } from "@fermata/core/RunsErrors"
import type { Started } from "@fermata/core/RunStart"
import type { Engine } from "@fermata/engine/Engine"
import { type FindError, Runs, type StartError } from "@fermata/engine/Runs"
import * as Context from "effect/Context"
import { WebCrypto } from "effect/crypto/WebCrypto"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Machine from "./Machine.ts"

/** There is no machine of this name. */
export class TemplateUnknown extends Schema.TaggedError<TemplateUnknown>()("TemplateUnknown", {
  template: Schema.String,
  known: Schema.Array(Schema.String)
}, { httpApiStatus: 404 }) {
  override get message(): string {
    return `There is no machine "${this.template}"; known are ${
      this.known.map((name) => `"${name}"`).join(", ") || "none"
    }`
  }
}

/** There is no instance with this key, or it has not begun yet. */
export class InstanceNotFound extends Schema.TaggedError<InstanceNotFound>()("InstanceNotFound", {
  instance: Schema.String
}, { httpApiStatus: 404 }) {
  override get message(): string {
    return `There is no instance "${this.instance}"`
  }
}

/** The instance does not go there from the state that it is in. It stays where it is. */
export class MoveRefused extends Schema.TaggedError<MoveRefused>()("MoveRefused", {
  instance: Schema.String,
  state: Schema.String,
  to: Schema.String,
  allowed: Schema.Array(Schema.String)
}, { httpApiStatus: 409 }) {
  override get message(): string {
    return this.allowed.length === 0
      ? `Instance "${this.instance}" has ended in "${this.state}" and goes nowhere`
      : `Instance "${this.instance}" does not go from "${this.state}" to "${this.to}"; it goes on to ${
        this.allowed.map((name) => `"${name}"`).join(", ")
      }`
  }
}

/** An instance, and the run that it is. */
export interface Instance extends Machine.Standing {
  readonly run: string
  /** The status of the run. */
  readonly status: string
  /** Where it may go on to. */
  readonly allowed: ReadonlyArray<string>
}

/** The instances of a process's machines. */
export class Instances extends Context.Service<Instances, {
  /** The machines, by name. */
  readonly templates: ReadonlyArray<Machine.Machine>
  /** Makes an instance, or finds the one that has this key: which is one instance for good. */
  readonly create: (
    template: string,
    key: string,
    context: unknown
  ) => Effect.Effect<Started, TemplateUnknown | StartError | StartRefused>
  /** The newest first, at most `limit` (50 when absent) of each machine, or of one. */
  readonly list: (
    options?: { readonly template?: string; readonly limit?: number }
  ) => Effect.Effect<ReadonlyArray<Instance>, TemplateUnknown | FindError>
  /** By its key, its run, or the first characters of that. */
  readonly show: (instance: string) => Effect.Effect<Instance, InstanceNotFound | FindError>
  /** Moves it on. Success means that it is recorded; the state is another once its run has taken it. */
  readonly move: (
    instance: string,
    to: string,
    options: { readonly by: string; readonly note?: string }
  ) => Effect.Effect<Instance, InstanceNotFound | MoveRefused | Effect.Error<ReturnType<Runs["Service"]["signal"]>>>
}>()("@fermata/operations/Instances") {
  /** Those of these machines, which have to be served somewhere: `Machine.layer`. */
  static readonly layer = (machines: ReadonlyArray<Machine.Machine>): Layer.Layer<Instances, never, Engine | Runs> =>
    Layer.effect(
      Instances,
      Effect.gen(function*() {
        const runs = yield* Runs
        const named = (template: string) => {
          const machine = machines.find(({ name }) => name === template)
          return machine === undefined
            ? Effect.fail(new TemplateUnknown({ template, known: machines.map(({ name }) => name) }))
            : Effect.succeed(machine)
        }
        const read = Effect.fnUntraced(function*(run: string) {
          const { id: runId, state, status } = yield* runs.show(run).pipe(
            Effect.catchTag("EntryCorrupt", () => Effect.fail(new InstanceNotFound({ instance: run })))
          )
          const standing = decode(state[Machine.document]?.value)
          if (Exit.isFailure(standing)) return yield* new InstanceNotFound({ instance: run })
          const machine = machines.find(({ name }) => name === standing.value.template)
          return { ...standing.value, run: runId, status, allowed: machine?.states[standing.value.state] ?? [] }
        })
        const find = Effect.fnUntraced(function*(instance: string) {
          for (const { name } of machines) {
            const [found] = yield* runs.list({
              workflow: Machine.workflowOf(name),
              labels: { [keyLabel]: instance },
              limit: 1
            })
            if (found !== undefined) return yield* read(found.id)
          }
          const found = yield* Effect.catchTag(read(instance), "RunNotFound", () => new InstanceNotFound({ instance }))
          return found
        })
        return Instances.of({
          templates: machines,
          create: Effect.fn("Instances.create")(function*(template, key, context) {
            const { name } = yield* named(template)
            return yield* runs.start(Machine.workflowOf(name), { key, context }, {
              labels: { [keyLabel]: key },
              title: key
            })
          }),
          list: Effect.fn("Instances.list")(function*({ limit = 50, template } = {}) {
            const some = template === undefined ? machines : [yield* named(template)]
            const found = yield* Effect.forEach(
              some,
              ({ name }) => runs.list({ workflow: Machine.workflowOf(name), limit })
            )
            const all = found.flat().toSorted((a, b) => b.createdAt - a.createdAt)
            return (yield* Effect.forEach(all, ({ id }) => Effect.option(read(id)))).flatMap((one) =>
              one._tag === "Some" ? [one.value] : []
            )
          }),
          show: find,
          move: Effect.fn("Instances.move")(function*(instance, to, { by, note }) {
            const found = yield* find(instance)
            if (!found.allowed.includes(to)) {
              return yield* new MoveRefused({ instance, state: found.state, to, allowed: found.allowed })
            }
            const id = (yield* WebCrypto).randomUUID()
            yield* runs.signal(
              found.run,
              Machine.Moved.name,
              { from: found.state, to, by, ...(note === undefined ? {} : { note }) },
              { id, by }
            )
            return found
          })
        })
      })
    )
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** The label by which an instance is found. */
const keyLabel = "instance"

const decode = Schema.decodeUnknownExit(Machine.Standing)
