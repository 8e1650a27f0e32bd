/**
 * The write-ahead log of SQLite as bytes: where its frames lie, and what a
 * power loss may leave of it.
 */
const headerBytes = 32
const frameHeaderBytes = 24

/** The offsets at which frames begin, and the end of the last. */
export const frameBounds = (log: Buffer): ReadonlyArray<number> => {
  const frameBytes = frameHeaderBytes + log.readUInt32BE(8)
  const bounds: Array<number> = []
  for (let offset = headerBytes; offset <= log.length; offset += frameBytes) bounds.push(offset)
  return bounds
}

/** What a disk may hold of a log after a power loss. `intact` bytes of it are as they were written. */
export interface Remains {
  readonly what: string
  readonly log: Buffer
  readonly intact: number
}

/** The log without its end: cut between frames, in a frame's header, and in the middle of its page. */
export const cuts = (log: Buffer): ReadonlyArray<Remains> => {
  const cut = (intact: number): Remains => ({ what: `cut at byte ${intact}`, log: log.subarray(0, intact), intact })
  const bounds = frameBounds(log)
  const middles = bounds.slice(0, -1).flatMap((
    begin,
    index
  ) => [begin + 7, Math.floor((begin + bounds[index + 1]!) / 2)])
  return [0, 5, headerBytes - 1, ...bounds, ...middles].map(cut)
}

/** The whole log with one byte flipped: once in each frame, at a place that moves from frame to frame. */
export const flips = (log: Buffer): ReadonlyArray<Remains> => {
  const bounds = frameBounds(log)
  return bounds.slice(0, -1).map((begin, index) => {
    const size = bounds[index + 1]! - begin
    const at = begin + (index * 1_009) % size
    const flipped = Buffer.from(log)
    flipped[at]! ^= 0x10
    return { what: `byte ${at} flipped`, log: flipped, intact: begin }
  })
}

/** The file system had made room for the end of the log, and not written it yet. */
export const holes = (log: Buffer): ReadonlyArray<Remains> =>
  frameBounds(log).filter((_, index) => index % 7 === 0).map((begin) => {
    const zeroed = Buffer.from(log)
    zeroed.fill(0, begin)
    return { what: `zeros from byte ${begin} on`, log: zeroed, intact: begin }
  })
