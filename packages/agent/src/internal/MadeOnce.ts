/** Values that are made of a few names, each once. */

/** What is made of a few names is made once. */
export const madeOnce = <Names extends ReadonlyArray<string>, A>(
  make: (...names: Names) => A
): (...names: Names) => A => {
  const made = new Map<string, A>()
  return (...names) => {
    const key = names.join(" ")
    if (!made.has(key)) made.set(key, make(...names))
    return made.get(key)!
  }
}
