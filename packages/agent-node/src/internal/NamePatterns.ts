/** Patterns of the names of files, as ignore files have them: a name without a slash is meant wherever it lies. */
import picomatch from "picomatch"

/** Whether a name, with slashes, fits one of the patterns. */
export const matcher = (patterns: ReadonlyArray<string>): (name: string) => boolean => {
  const globs = patterns.map((pattern) =>
    picomatch(pattern.includes("/") ? [pattern, `**/${pattern}`] : `**/${pattern}`, options)
  )
  return (name) => globs.some((glob) => glob(name))
}

/** Whether a name fits one pattern from its first letter on: `*` goes no further than a slash. */
export const exactly = (pattern: string): (name: string) => boolean => picomatch(pattern, options)

/**
 * As `matcher`, for what is kept from agents: upper and lower case are alike, and so
 * are the forms of a letter, since some file systems find one file by all of them.
 */
export const guarding = (patterns: ReadonlyArray<string>): (name: string) => boolean =>
  guardingBy(patterns.map((pattern) => pattern.includes("/") ? [pattern, `**/${pattern}`] : [`**/${pattern}`]))

/** Whether a name fits one of the globs, each from its first letter on, as rules of a policy have them that forbid; else as `guarding`. */
export const anchored = (globs: ReadonlyArray<string>): (name: string) => boolean =>
  guardingBy(globs.map((glob) => [glob]), { nonegate: true })

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const guardingBy = (
  patterns: ReadonlyArray<ReadonlyArray<string>>,
  more: picomatch.PicomatchOptions = {}
): (name: string) => boolean => {
  const all = patterns.map((each) =>
    picomatch(each.map((pattern) => pattern.normalize("NFC")), { ...options, ...more, nocase: true })
  )
  return (name) => {
    const one = name.normalize("NFC")
    return all.some((glob) => glob(one))
  }
}

const options = { dot: true, windows: false } as const
