/**
 * What extensions have given to the engine of this process, and who else of its
 * services hears of commits.
 */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { Backend, DefinitionRow, OutboxRow, RunRow, StorageFailed } from "../Backend.ts"
import {
  type Committed,
  type Definitions,
  type Delivery,
  type Description,
  type Extension,
  ExtensionRefused,
  type Program
} from "../Extension.ts"
import { type EventMessage, outboxRow } from "../StartRequest.ts"
import * as EngineEvents from "./EngineEvents.ts"
import type { Registration } from "./run/RunHost.ts"

const none: ReadonlyArray<never> = []

export class Extensions {
  private readonly all = new Set<Extension>()
  private readonly byKind = new Map<string, Definitions>()
  private readonly listeners = new Set<(committed: Committed) => void>()
  private readonly registrations = new WeakMap<Program, Registration>()
  private readonly toRegistration: (program: Program) => Registration
  /** Those that publish something with a commit. */
  private publishing: ReadonlyArray<Extension> = none
  /** The kinds of definitions in the store, as last read. */
  private stored: { readonly version: number; readonly kinds: ReadonlyArray<string> } | undefined
  private routing: ReadonlyArray<NonNullable<Extension["route"]>> = none

  constructor(toRegistration: (program: Program) => Registration) {
    this.toRegistration = toRegistration
  }

  /** Why it cannot be taken; undefined once it is. */
  add(extension: Extension): ExtensionRefused | undefined {
    const { definitions, name } = extension
    if (definitions !== undefined) {
      const { kind } = definitions
      const problem = !/^[a-z][a-z0-9-]*$/.test(kind)
        ? `its kind of documents "${kind}" is no word of small letters, digits and hyphens`
        : kind === "program" || this.byKind.has(kind)
        ? `its kind of documents "${kind}" is taken already`
        : undefined
      if (problem !== undefined) return new ExtensionRefused({ extension: name, problem })
      this.byKind.set(kind, definitions)
    }
    this.all.add(extension)
    if (extension.committed !== undefined) this.listeners.add(extension.committed)
    this.arrange()
    return undefined
  }

  remove(extension: Extension): void {
    this.all.delete(extension)
    if (extension.definitions !== undefined) this.byKind.delete(extension.definitions.kind)
    if (extension.committed !== undefined) this.listeners.delete(extension.committed)
    this.arrange()
  }

  private arrange(): void {
    const all = Array.from(this.all)
    this.publishing = all.filter(({ listensTo, project }) => listensTo !== undefined || project !== undefined)
    this.routing = all.flatMap(({ route }) => route ?? [])
  }

  /** Has a function hear of every commit of this process, until the scope closes. */
  listen(listener: (committed: Committed) => void): Effect.Effect<void, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => void this.listeners.add(listener)),
      () => Effect.sync(() => void this.listeners.delete(listener))
    )
  }

  /** How many hear of commits. */
  get hearing(): number {
    return this.listeners.size
  }

  tell(committed: Committed): void {
    for (const listener of this.listeners) listener(committed)
  }

  // --------------------------------------------------------------------------
  // documents
  // --------------------------------------------------------------------------

  /** The kinds of documents that this process has an extension for. */
  get kinds(): ReadonlyArray<string> {
    return Array.from(this.byKind.keys())
  }

  get unserved(): ReadonlyArray<string> {
    return Array.from(this.byKind.values()).flatMap((definitions) => definitions.unserved())
  }

  get offer(): Readonly<Record<string, Schema.Json>> {
    return Object.assign({}, ...Array.from(this.byKind.values(), (definitions) => definitions.offer()))
  }

  /**
   * Whether there is an extension for every kind of documents in the store. Its
   * kinds are read again when others have written, or this process has defined
   * something.
   */
  hasEveryKind(backend: Backend): Effect.Effect<boolean, StorageFailed> {
    return Effect.flatMap(backend.version, (version) => {
      const stored = this.stored?.version === version
        ? Effect.succeed(this.stored.kinds)
        : Effect.map(backend.definitions, (rows) => {
          const kinds = [...new Set(rows.map(({ kind }) => kind))]
          this.stored = { version, kinds }
          return kinds
        })
      return Effect.map(stored, (kinds) => kinds.every((kind) => kind === "program" || this.byKind.has(kind)))
    })
  }

  /** This process has defined something. */
  defined(): void {
    this.stored = undefined
  }

  /** The extension's part for documents of this kind. */
  definitions(kind: string): Definitions | undefined {
    return this.byKind.get(kind)
  }

  /** What executes a run of a document. */
  resolve(row: RunRow, evenIfUnserved: boolean): Effect.Effect<Registration | undefined, StorageFailed> {
    const definitions = this.byKind.get(row.kind)
    if (definitions === undefined) return Effect.undefined
    return Effect.map(definitions.resolve(row, { evenIfUnserved }), (program) => {
      if (program === undefined) return undefined
      const known = this.registrations.get(program)
      if (known !== undefined) return known
      const made = this.toRegistration(program)
      this.registrations.set(program, made)
      return made
    })
  }

  /** What is known of a document; undefined for a program, for a kind without an extension, and where it cannot be read. */
  describe({ document, kind }: Pick<DefinitionRow, "document" | "kind">): Description | undefined {
    return document === null ? undefined : this.byKind.get(kind)?.describe(document)
  }

  // --------------------------------------------------------------------------
  // events
  // --------------------------------------------------------------------------

  route(event: EventMessage): Effect.Effect<ReadonlyArray<Delivery>, StorageFailed> {
    return Effect.map(Effect.forEach(this.routing, (route) => route(event)), (found) => found.flat())
  }

  /** Whether commits may publish something beside what their runs do. */
  get publishes(): boolean {
    return this.publishing.length > 0
  }

  /** Whether somebody listens to this event of the engine; to any of them when no name is given. */
  listensTo(event?: string): boolean {
    return this.publishing.some(({ listensTo }) => listensTo?.(event) === true)
  }

  /** What a commit publishes beside what its run does. */
  projected(committing: Omit<Committed, "status">): ReadonlyArray<OutboxRow> {
    const told = this.listensTo()
      ? EngineEvents.ofCommitting(this.tellOf, committing).filter(({ name }) => this.listensTo(name))
      : none
    return [...told, ...this.publishing.flatMap(({ project }) => project?.(committing) ?? none)].map(outboxRow)
  }

  /** What the extension for the kind of the run tells about an entry. */
  readonly tellOf = (run: RunRow, entry: JournalEntry.JournalEntry): ReadonlyArray<EventMessage> | undefined =>
    this.byKind.get(run.kind)?.tell?.(run, entry)
}
