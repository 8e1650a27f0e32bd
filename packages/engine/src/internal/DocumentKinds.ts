/** The kinds of documents that extensions have made executable in this process. */
import type * as JournalEntry from "@fermata/core/JournalEntry"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type { Backend, DefinitionRow, RunRow, StorageFailed } from "../Backend.ts"
import type { Definitions, Description, Program, ToldRun } from "../Extension.ts"
import type { EventMessage } from "../StartRequest.ts"
import type { Nearest } from "./process/BodyContexts.ts"
import type { Registration } from "./run/RunHost.ts"

export class DocumentKinds {
  private readonly byKind = new Map<string, Definitions>()
  private readonly nearest = new WeakMap<Definitions, Nearest>()
  private readonly registrations = new WeakMap<Program, Registration>()
  private readonly toRegistration: (program: Program) => Registration
  /** The kinds of definitions in the store, as last read. */
  private stored: { readonly version: number; readonly kinds: ReadonlyArray<string> } | undefined

  constructor(toRegistration: (program: Program) => Registration) {
    this.toRegistration = toRegistration
  }

  /** Why the kind cannot be added; undefined once it is. `nearest` is what its documents see of whoever brings it. */
  add(definitions: Definitions, nearest?: Nearest): string | undefined {
    const { kind } = definitions
    const problem = !/^[a-z][a-z0-9-]*$/.test(kind)
      ? `its kind of documents "${kind}" is no word of small letters, digits and hyphens`
      : kind === "program" || this.byKind.has(kind)
      ? `its kind of documents "${kind}" is taken already`
      : undefined
    if (problem === undefined) {
      this.byKind.set(kind, definitions)
      if (nearest !== undefined) this.nearest.set(definitions, nearest)
    }
    return problem
  }

  remove({ kind }: Definitions): void {
    this.byKind.delete(kind)
  }

  /** The kinds of which this process executes documents. */
  get kinds(): ReadonlyArray<string> {
    return Array.from(this.byKind.keys())
  }

  /** Hashes of the documents of these kinds that need what is not in this process. */
  get unserved(): ReadonlyArray<string> {
    return Array.from(this.byKind.values()).flatMap((definitions) => definitions.unserved())
  }

  /** What other processes may know of what is served here. */
  get offer(): Readonly<Record<string, Schema.Json>> {
    return Object.assign({}, ...Array.from(this.byKind.values(), (definitions) => definitions.offer()))
  }

  /**
   * Whether every kind of documents in the store is executed here. The kinds in
   * the store are read again when others have written, or this process has
   * defined something.
   */
  hasEvery(backend: Backend): Effect.Effect<boolean, StorageFailed> {
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

  /** What an extension gave for documents of this kind. */
  get(kind: string): Definitions | undefined {
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
      const nearest = this.nearest.get(definitions)
      const { execute, limits, workflow } = program
      const made = this.toRegistration(
        nearest === undefined
          ? program
          : { workflow, limits, execute: (payload, runId) => Effect.updateContext(execute(payload, runId), nearest) }
      )
      this.registrations.set(program, made)
      return made
    })
  }

  /** What is known of a document; undefined for a program, for a kind without an extension, and where it cannot be read. */
  describe({ document, kind }: Pick<DefinitionRow, "document" | "kind">): Description | undefined {
    return document === null ? undefined : this.byKind.get(kind)?.describe(document)
  }

  /** What is told about an entry of a run of a document in place of what the engine tells. */
  readonly tellOf = (run: ToldRun, entry: JournalEntry.JournalEntry): ReadonlyArray<EventMessage> | undefined =>
    this.byKind.get(run.kind)?.tell?.(run, entry)
}
