/**
 * Maps and sets that are empty most of the time. An empty `Map` of the platform
 * is a table of about 200 bytes, and each run in memory has some forty of them:
 * these have none until something is put into them.
 */

/** What is read of a map, sparse or not. */
export type Lookup<K, V> = Pick<ReadonlyMap<K, V>, "size" | "get" | "has" | "keys" | "values" | typeof Symbol.iterator>

/** What is read of a set, sparse or not. */
export type Members<A> = Pick<ReadonlySet<A>, "size" | "has" | typeof Symbol.iterator>

/** A map whose table is made at the first write. */
export class SparseMap<K, V> implements Lookup<K, V> {
  private table: Map<K, V> | undefined = undefined

  get size(): number {
    return this.table === undefined ? 0 : this.table.size
  }

  get(key: K): V | undefined {
    return this.table === undefined ? undefined : this.table.get(key)
  }

  has(key: K): boolean {
    return this.table !== undefined && this.table.has(key)
  }

  set(key: K, value: V): this {
    this.table ??= new Map()
    this.table.set(key, value)
    return this
  }

  delete(key: K): boolean {
    return this.table !== undefined && this.table.delete(key)
  }

  clear(): void {
    this.table?.clear()
    this.table = undefined
  }

  keys(): MapIterator<K> {
    return (this.table ?? noEntries).keys()
  }

  values(): MapIterator<V> {
    return (this.table ?? noEntries).values()
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return (this.table ?? noEntries)[Symbol.iterator]()
  }
}

/** A set whose table is made at the first write. */
export class SparseSet<A> implements Members<A> {
  private table: Set<A> | undefined = undefined

  get size(): number {
    return this.table === undefined ? 0 : this.table.size
  }

  has(item: A): boolean {
    return this.table !== undefined && this.table.has(item)
  }

  add(item: A): this {
    this.table ??= new Set()
    this.table.add(item)
    return this
  }

  delete(item: A): boolean {
    return this.table !== undefined && this.table.delete(item)
  }

  clear(): void {
    this.table?.clear()
    this.table = undefined
  }

  [Symbol.iterator](): SetIterator<A> {
    return (this.table ?? noItems)[Symbol.iterator]()
  }
}

const noEntries = new Map<never, never>()
const noItems = new Set<never>()
