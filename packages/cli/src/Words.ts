/**
 * Times and numbers for people.
 */
import * as Tenant from "@fermata/core/Tenant"

export { duration, fromNow, iso, time } from "@fermata/core/TimeText"

/** A number with its noun: `1 run`, `2 runs`. */
export const count = (number: number, noun: string, plural = `${noun}s`): string =>
  `${number} ${number === 1 ? noun : plural}`

/** Names in one line: `a, b and c`. */
export const list = (names: ReadonlyArray<string>): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`

/** The version of a workflow behind its name. */
export const definition = (run: { readonly workflow: string; readonly version: string }): string =>
  `${run.workflow}@${run.version}`

/** A number of bytes. */
export const bytes = (size: number): string =>
  size < 1024
    ? `${size} B`
    : size < 1024 ** 2
    ? `${(size / 1024).toFixed(1)} KiB`
    : size < 1024 ** 3
    ? `${(size / 1024 ** 2).toFixed(1)} MiB`
    : `${(size / 1024 ** 3).toFixed(2)} GiB`

/** So many characters tell these ids apart, with some to spare for runs that come later; behind the tenant where one has any. */
export const shortest = (ids: ReadonlyArray<string>): number => {
  const longest = Math.max(...ids.map(({ length }) => length))
  const tenants = ids.map((id) => id.length - Tenant.local(id).length)
  for (let length = 8 + Math.max(...tenants); length < longest; length += 2) {
    if (new Set(ids.map((id) => id.slice(0, length))).size === ids.length) return length
  }
  return longest
}
