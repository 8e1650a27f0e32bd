/** Which of several versions of one workflow is the newest. */
import * as Result from "effect/Result"
import * as SemVer from "effect/SemVer"

/**
 * The items by their versions, the newest first. Semantic versions come releases
 * before prereleases, each by their precedence; where one of the versions is
 * none, all are compared as texts in which numbers count as such.
 */
export const newestFirst = <A>(items: ReadonlyArray<A>, versionOf: (item: A) => string): ReadonlyArray<A> => {
  const known = items.map((item) => ({ item, parsed: SemVer.parse(versionOf(item)) }))
  return known.every(({ parsed }) => Result.isSuccess(parsed))
    ? known.sort((a, b) => bySemVer(Result.getOrThrow(a.parsed), Result.getOrThrow(b.parsed))).map(({ item }) => item)
    : sortedAsTexts(items, versionOf)
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const sortedAsTexts = <A>(items: ReadonlyArray<A>, versionOf: (item: A) => string): ReadonlyArray<A> => {
  // Made where it is used: the first collator takes its process 10 ms.
  const texts = new Intl.Collator("en", { numeric: true })
  return items.toSorted((a, b) => texts.compare(versionOf(b), versionOf(a)))
}

const bySemVer = (a: SemVer.SemVer, b: SemVer.SemVer): number =>
  Number(SemVer.isPrerelease(a)) - Number(SemVer.isPrerelease(b)) || SemVer.Order(b, a)
