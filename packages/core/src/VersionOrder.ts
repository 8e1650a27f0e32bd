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
    : items.toSorted((a, b) => texts.compare(versionOf(b), versionOf(a)))
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const texts = new Intl.Collator("en", { numeric: true })

const bySemVer = (a: SemVer.SemVer, b: SemVer.SemVer): number =>
  Number(SemVer.isPrerelease(a)) - Number(SemVer.isPrerelease(b)) || SemVer.Order(b, a)
