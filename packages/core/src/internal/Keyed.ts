/**
 * An ordered, keyed, persistent list. A change copies one chunk and the spine,
 * so a fold over a long journal costs the same per entry, and older versions
 * stay as they were.
 */

const chunkBits = 6
const chunkSize = 1 << chunkBits
const chunkMask = chunkSize - 1

export interface Keyed<K, A> {
  readonly chunks: ReadonlyArray<ReadonlyArray<A>>
  readonly size: number
  readonly keyOf: (item: A) => K
  /** Shared by all versions and checked against the items, since another version may have moved a key. */
  readonly places: Map<K, number>
}

export const empty = <K, A>(keyOf: (item: A) => K): Keyed<K, A> => ({ chunks: [], size: 0, keyOf, places: new Map() })

export const from = <K, A>(keyOf: (item: A) => K, items: ReadonlyArray<A>): Keyed<K, A> => {
  const chunks: Array<ReadonlyArray<A>> = []
  for (let start = 0; start < items.length; start += chunkSize) chunks.push(items.slice(start, start + chunkSize))
  return { chunks, size: items.length, keyOf, places: new Map(items.map((item, place) => [keyOf(item), place])) }
}

const at = <K, A>(self: Keyed<K, A>, place: number): A => self.chunks[place >> chunkBits]![place & chunkMask]!

const placeOf = <K, A>(self: Keyed<K, A>, key: K): number => {
  const place = self.places.get(key)
  if (place === undefined) return -1
  if (place < self.size && self.keyOf(at(self, place)) === key) return place
  for (let other = 0; other < self.size; other++) if (self.keyOf(at(self, other)) === key) return other
  return -1
}

export const get = <K, A>(self: Keyed<K, A>, key: K): A | undefined => {
  const place = placeOf(self, key)
  return place < 0 ? undefined : at(self, place)
}

/** Puts the item in the place of the one with its key, or at the end. */
export const set = <K, A>(self: Keyed<K, A>, item: A): Keyed<K, A> => {
  const key = self.keyOf(item)
  const known = placeOf(self, key)
  const place = known < 0 ? self.size : known
  self.places.set(key, place)
  const chunks = self.chunks.slice()
  const chunk = chunks[place >> chunkBits]?.slice() ?? []
  chunk[place & chunkMask] = item
  chunks[place >> chunkBits] = chunk
  return { ...self, chunks, size: Math.max(self.size, place + 1) }
}

export const toArray = <K, A>(self: Keyed<K, A>): ReadonlyArray<A> => self.chunks.flat()
