/**
 * Runs in the order in which they become due: an ordered list in buckets, so
 * that insertion and removal stay cheap with 100,000 timers.
 */

export interface Due {
  readonly at: number
  /** Position in start order; unique, and decides between equal times. */
  readonly order: number
  readonly run: string
}

/** Plain data; no bucket is empty. */
export interface DueList<D extends Due = Due> {
  readonly buckets: Array<Array<D>>
}

export const make = <D extends Due = Due>(): DueList<D> => ({ buckets: [] })

export const isEmpty = (list: DueList): boolean => list.buckets.length === 0

export const add = <D extends Due>(list: DueList<D>, due: D): void => {
  if (list.buckets.length === 0) {
    list.buckets.push([due])
    return
  }
  const index = Math.min(bucketFor(list, due), list.buckets.length - 1)
  const bucket = list.buckets[index]!
  bucket.splice(placeIn(bucket, due), 0, due)
  if (bucket.length > capacity) list.buckets.splice(index + 1, 0, bucket.splice(capacity / 2))
}

export const remove = (list: DueList, due: Due): void => {
  const index = bucketFor(list, due)
  const bucket = list.buckets[index]
  if (bucket === undefined) return
  const place = placeIn(bucket, due)
  if (bucket[place]?.order !== due.order) return
  bucket.splice(place, 1)
  if (bucket.length === 0) list.buckets.splice(index, 1)
}

/** The entries of the list with `after < at <= until`, earliest first. */
export function* between<D extends Due>(list: DueList<D>, after: number, until: number): Generator<D> {
  const from: Due = { at: after, order: Infinity, run: "" }
  for (let index = bucketFor(list, from); index < list.buckets.length; index++) {
    const bucket = list.buckets[index]!
    for (let place = placeIn(bucket, from); place < bucket.length; place++) {
      const due = bucket[place]!
      if (due.at > until) return
      yield due
    }
  }
}

export const compare = (a: Due, b: Due): number => a.at - b.at || a.order - b.order

// ---------------------------------------------------------------------------
// internal
// ---------------------------------------------------------------------------

const capacity = 512

/** The first bucket whose last item is not before `due`; the number of buckets if there is none. */
const bucketFor = (list: DueList, due: Due): number => {
  let low = 0
  let high = list.buckets.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compare(list.buckets[middle]!.at(-1)!, due) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** The first place in the bucket that is not before `due`. */
const placeIn = (bucket: ReadonlyArray<Due>, due: Due): number => {
  let low = 0
  let high = bucket.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compare(bucket[middle]!, due) < 0) low = middle + 1
    else high = middle
  }
  return low
}
