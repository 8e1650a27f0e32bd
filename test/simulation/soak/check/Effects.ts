/**
 * What bodies of steps did to the world against what the journal of their run and
 * the rules of their steps allow, given which processes were killed.
 *
 * | rule | after a crash | so it may have acted |
 * |---|---|---|
 * | `rerun`, `rerun-keyed` | again, the latter under one key | once for each request, and again only where the process before has died |
 * | `probe` | only if the probe does not see it | once |
 * | `ask` | only if somebody says so, which nobody does here | once |
 */

/** What a body did, as it wrote it down itself. */
export interface Deed {
  readonly key: string
  /** The request that it carried out, where it knows. */
  readonly entry?: number
  readonly idempotencyKey: string
  /** The life of the process in which it did so. */
  readonly life: string
  readonly at: number
}

/** An entry of a journal, as far as it matters here. */
export interface Entry {
  readonly _tag: string
  readonly seq: number
  readonly key?: string
  readonly onCrash?: string
  readonly probe?: boolean
  readonly probed?: boolean
  readonly settledBy?: string
}

/**
 * What is wrong, in sentences.
 *
 * @param steps The keys of those steps whose bodies write down what they do.
 * @param hasEnded Whether this life of a process was ended by somebody.
 */
export const problemsOf = (
  entries: ReadonlyArray<Entry>,
  deeds: ReadonlyArray<Deed>,
  steps: (key: string) => boolean,
  hasEnded: (life: string) => boolean
): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const requests = new Map<string, Array<Entry>>()
  const outcomes = new Map<string, Entry>()
  for (const entry of entries) {
    if (entry.key === undefined || !steps(entry.key)) continue
    if (entry._tag === "StepRequested") requests.set(entry.key, [...requests.get(entry.key) ?? [], entry])
    if (entry._tag === "StepCompleted") {
      if (outcomes.has(entry.key)) problems.push(`${entry.key} has two outcomes`)
      outcomes.set(entry.key, entry)
    }
  }
  const done = Map.groupBy([...deeds].sort((one, other) => one.at - other.at), ({ key }) => key)
  for (const key of done.keys()) {
    if (!requests.has(key)) problems.push(`${key} acted, and the journal has no request of it`)
  }
  for (const [key, asked] of requests) {
    const acted = done.get(key) ?? []
    const times = `acted ${acted.length} times`
    const tries = asked.filter(({ probe }) => probe !== true)
    if (acted.length > asked.length) problems.push(`${key} ${times}, and was asked for ${asked.length} times`)
    const entriesOf = acted.flatMap(({ entry }) => entry ?? [])
    if (new Set(entriesOf).size !== entriesOf.length) problems.push(`${key} acted twice for one request`)
    if (entriesOf.some((seq) => !asked.some((request) => request.seq === seq))) {
      problems.push(`${key} acted for what is no request of it`)
    }
    const outcome = outcomes.get(key)
    if (outcome !== undefined && outcome.settledBy === undefined && acted.length === 0) {
      problems.push(`${key} is completed and has never acted`)
    }
    switch (asked[0]?.onCrash) {
      case "probe":
      case "ask":
        if (acted.length > 1) problems.push(`${key} ${times}, and its rule "${asked[0].onCrash}" lets it act once`)
        break
      case "rerun":
      case "rerun-keyed": {
        if (acted.length > tries.length) problems.push(`${key} ${times}, and was begun ${tries.length} times`)
        for (const { life } of acted.slice(0, -1)) {
          if (!hasEnded(life)) {
            problems.push(`${key} ${times}, and nobody has ended ${life}, which did so before the last`)
          }
        }
        if (asked[0].onCrash === "rerun-keyed" && new Set(acted.map(({ idempotencyKey }) => idempotencyKey)).size > 1) {
          problems.push(`${key} acted under several keys`)
        }
        break
      }
      default:
        problems.push(`${key} has a rule that is not known here: ${asked[0]?.onCrash}`)
    }
  }
  return problems
}
