/** What extensions have given to the engine of this process, and who in the process observes its commits. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { OutboxRow, StorageFailed } from "../Backend.ts"
import { type Committed, type Delivery, type Extension, ExtensionRefused, type Program } from "../Extension.ts"
import { type EventMessage, outboxRow } from "../StartRequest.ts"
import { DocumentKinds } from "./DocumentKinds.ts"
import * as EngineEvents from "./EngineEvents.ts"
import type { Nearest } from "./process/BodyContexts.ts"
import type { Registration } from "./run/RunHost.ts"

const none: ReadonlyArray<never> = []

export class Extensions {
  readonly documents: DocumentKinds
  private readonly all = new Set<Extension>()
  private readonly observers = new Set<(committed: Committed) => void>()
  /** The extensions that publish something with a commit. */
  private publishing: ReadonlyArray<Extension> = none
  private routing: ReadonlyArray<NonNullable<Extension["route"]>> = none

  constructor(toRegistration: (program: Program) => Registration) {
    this.documents = new DocumentKinds(toRegistration)
  }

  /** Why the extension cannot be taken; undefined once it is. `nearest` is what its documents see of whoever brings it. */
  add(extension: Extension, nearest?: Nearest): ExtensionRefused | undefined {
    const { definitions, name } = extension
    const problem = definitions && this.documents.add(definitions, nearest)
    if (problem !== undefined) return new ExtensionRefused({ extension: name, problem })
    this.all.add(extension)
    if (extension.committed !== undefined) this.observers.add(extension.committed)
    this.arrange()
    return undefined
  }

  remove(extension: Extension): void {
    this.all.delete(extension)
    if (extension.definitions !== undefined) this.documents.remove(extension.definitions)
    if (extension.committed !== undefined) this.observers.delete(extension.committed)
    this.arrange()
  }

  private arrange(): void {
    const all = Array.from(this.all)
    this.publishing = all.filter(({ listensTo, project }) => listensTo !== undefined || project !== undefined)
    this.routing = all.flatMap(({ route }) => route ?? [])
  }

  // --------------------------------------------------------------------------
  // commits
  // --------------------------------------------------------------------------

  /** Has a function called with every commit of this process, until the scope closes. */
  observe(observer: (committed: Committed) => void): Effect.Effect<void, never, Scope.Scope> {
    return Effect.asVoid(
      Effect.acquireRelease(Effect.sync(() => this.onCommit(observer)), (callOff) => Effect.sync(callOff))
    )
  }

  /** The same, until it is called off by what this gives. */
  readonly onCommit = (observer: (committed: Committed) => void): () => void => {
    this.observers.add(observer)
    return () => void this.observers.delete(observer)
  }

  /** How many functions are called with each commit. */
  get observed(): number {
    return this.observers.size
  }

  notify(committed: Committed): void {
    for (const observer of this.observers) observer(committed)
  }

  // --------------------------------------------------------------------------
  // events
  // --------------------------------------------------------------------------

  /** The deliveries that an event comes to, by the routes of all extensions. */
  route(event: EventMessage): Effect.Effect<ReadonlyArray<Delivery>, StorageFailed> {
    return Effect.map(Effect.forEach(this.routing, (route) => route(event)), (found) => found.flat())
  }

  /** Whether commits may publish something beside what their runs do. */
  get publishes(): boolean {
    return this.publishing.length > 0
  }

  /** Whether somebody subscribed to this event of the engine; to any of them when no name is given. */
  listensTo(event?: string): boolean {
    return this.publishing.some(({ listensTo }) => listensTo?.(event) === true)
  }

  /** What a commit publishes beside what its run does. */
  projected(committing: Omit<Committed, "status">): ReadonlyArray<OutboxRow> {
    const told = this.listensTo()
      ? EngineEvents.ofCommitting(this.documents.tellOf, committing).filter(({ name }) => this.listensTo(name))
      : none
    return [...told, ...this.publishing.flatMap(({ project }) => project?.(committing) ?? none)].map(outboxRow)
  }
}
