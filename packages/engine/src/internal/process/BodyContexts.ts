/** What the bodies of workflows and of steps see of the engine and of the process. */
import * as Context from "effect/Context"
import * as Scope from "effect/Scope"
import { CurrentTenant } from "../../CurrentTenant.ts"
import { sharedServices, worldServices } from "../BodyServices.ts"

/** Puts what somebody was given in the place of what the engine was. */
export type Nearest = <R>(seen: Context.Context<R>) => Context.Context<R>

export class BodyContexts {
  private readonly ambient: Context.Context<never>
  private readonly world: Context.Context<never>
  /** The engine's own services, which bodies may ask for. */
  private services: Context.Context<never> = Context.empty()
  private readonly ofSteps = new WeakMap<Context.Context<never>, Context.Context<never>>()
  /** What all bodies see: the engine's services, silent loggers. */
  shared: Context.Context<never> = Context.empty()

  constructor(ambient: Context.Context<never>) {
    this.ambient = ambient
    this.world = worldServices(ambient)
  }

  /** Sets the services of the engine that bodies and steps see. */
  provide(services: Context.Context<never>): void {
    this.services = services
    this.shared = Context.merge(sharedServices(this.ambient), services)
  }

  /**
   * What the layer of a workflow, or of an extension, was given in place of what the engine was: it is nearer to the body. What a body gets
   * of the engine in any case, such as its clock and its scope, stays, and so does the tenant of its run. Undefined where it was given nothing of its own.
   */
  nearest(given: Context.Context<never>): Nearest | undefined {
    const ambient = this.ambient.mapUnsafe
    const own = Array.from(given.mapUnsafe).filter(([key, value]) =>
      ambient.has(key) && ambient.get(key) !== value && key !== Scope.Scope.key && key !== CurrentTenant.key
    )
    if (own.length === 0) return undefined
    return (seen) => {
      const near = new Map<string, unknown>(seen.mapUnsafe)
      for (const [key, value] of own) if (near.get(key) === ambient.get(key)) near.set(key, value)
      return Context.makeUnsafe(near)
    }
  }

  /**
   * The services of an asker with the world in place of the run's own clock, randomness and scheduler. Askers of one
   * run share their context, so that it is merged once.
   */
  readonly ofStep = (asker: Context.Context<never>): Context.Context<never> => {
    const known = this.ofSteps.get(asker)
    if (known !== undefined) return known
    const merged = Context.merge(asker, Context.merge(this.world, this.services))
    this.ofSteps.set(asker, merged)
    return merged
  }
}
