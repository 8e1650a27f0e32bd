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

/** Whether a name fits one of the globs, each from its first letter on, as rules of a policy have them. */
export const anchored = (globs: ReadonlyArray<string>): (name: string) => boolean => {
  const all = globs.map((glob) => picomatch(glob, { ...options, nonegate: true }))
  return (name) => all.some((glob) => glob(name))
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const options = { dot: true, windows: false } as const
