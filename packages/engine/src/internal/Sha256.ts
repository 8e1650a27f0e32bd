/**
 * SHA-256 (FIPS 180-4) in plain code, for platforms that only have a digest which is waited for: the hash of
 * a line of the audit is made inside a transaction, where nothing is waited for.
 */

/** The digest of the bytes. */
export const digest = (data: Uint8Array): Uint8Array => {
  const length = (data.length + 9 + 63) & ~63
  const padded = new Uint8Array(length)
  padded.set(data)
  padded[data.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(length - 8, Math.floor(data.length / 0x20000000))
  view.setUint32(length - 4, (data.length << 3) >>> 0)
  const state = Uint32Array.from(roots.slice(0, 8), ({ root }) => fraction(root))
  const w = new Uint32Array(64)
  for (let block = 0; block < length; block += 64) {
    for (let i = 0; i < 16; i++) w[i] = view.getUint32(block + i * 4)
    for (let i = 16; i < 64; i++) {
      const a = w[i - 15]!
      const b = w[i - 2]!
      w[i] = w[i - 16]! + (turn(a, 7) ^ turn(a, 18) ^ (a >>> 3)) + w[i - 7]! +
        (turn(b, 17) ^ turn(b, 19) ^ (b >>> 10))
    }
    let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number]
    for (let i = 0; i < 64; i++) {
      const one = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + constants[i]! + w[i]!) | 0
      const two = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0
      h = g
      g = f
      f = e
      e = (d + one) | 0
      d = c
      c = b
      b = a
      a = (one + two) | 0
    }
    for (const [index, word] of [a, b, c, d, e, f, g, h].entries()) state[index]! += word
  }
  const out = new DataView(new ArrayBuffer(32))
  for (const [index, word] of state.entries()) out.setUint32(index * 4, word)
  return new Uint8Array(out.buffer)
}

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

const turn = (word: number, by: number): number => (word >>> by) | (word << (32 - by))

/** The first 32 bits behind the point. */
const fraction = (value: number): number => Math.floor((value % 1) * 0x100000000)

const isPrime = (n: number): boolean => {
  for (let factor = 2; factor * factor <= n; factor++) if (n % factor === 0) return false
  return true
}

/** The square and cube roots of the first 64 primes. */
const roots = Array.from({ length: 310 }, (_, index) => index + 2)
  .filter(isPrime)
  .slice(0, 64)
  .map((prime) => ({ root: Math.sqrt(prime), cube: Math.cbrt(prime) }))

const constants = Uint32Array.from(roots, ({ cube }) => fraction(cube))
