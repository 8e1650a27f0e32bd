/** These fields of a value, as far as they are there. */
export const present = <A extends object, const K extends keyof A>(
  value: A,
  ...keys: ReadonlyArray<K>
): { [P in K]?: Exclude<A[P], undefined> } => {
  const found: { [P in K]?: Exclude<A[P], undefined> } = {}
  for (const key of keys) if (value[key] !== undefined) found[key] = value[key] as never
  return found
}
