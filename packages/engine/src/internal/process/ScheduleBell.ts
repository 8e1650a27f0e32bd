/** By which the parts of a process tell whoever fires schedules in it that some may have changed. */

/** Whoever fires schedules. */
export interface Firing {
  readonly poke: () => void
  /** Whether no look is going on or to come. */
  readonly idle: boolean
}

export class ScheduleBell {
  private firing: Firing | undefined

  /** From now on this one is told; nobody when it is undefined. */
  answeredBy(firing: Firing | undefined): void {
    this.firing = firing
  }

  readonly ring = (): void => this.firing?.poke()

  get idle(): boolean {
    return this.firing?.idle ?? true
  }
}
