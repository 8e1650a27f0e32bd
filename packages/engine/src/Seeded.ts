/**
 * Random numbers and ids that follow from a seed, the same in every process.
 */

/** xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021). */
const generator = (seed: string): () => number => {
  // FNV-1a over the seed, once per word with another offset, fills the state.
  const words = [0x811c9dc5, 0x9e3779b9, 0x85ebca6b, 0xc2b2ae35].map((offset) => {
    let hash = offset
    for (let i = 0; i < seed.length; i++) hash = Math.imul(hash ^ seed.charCodeAt(i), 0x01000193)
    return hash >>> 0
  })
  let [a, b, c, d] = words as [number, number, number, number]
  const rotl = (x: number, k: number) => (x << k) | (x >>> (32 - k))
  const next = () => {
    const result = Math.imul(rotl(Math.imul(b, 5), 7), 9) >>> 0
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = rotl(d, 11)
    return result
  }
  for (let i = 0; i < 16; i++) next()
  return next
}

/** Most bodies ask for no random number, so the generator is made when the first is asked for. */
export class SeededRandom {
  private readonly seedOf: () => string
  private seed: string | undefined
  private next: (() => number) | undefined
  /** A seed that is another from some moment on begins another row of numbers then. */
  constructor(seed: string | (() => string)) {
    this.seedOf = typeof seed === "string" ? () => seed : seed
  }
  private word(): number {
    const seed = this.seedOf()
    if (this.next === undefined || seed !== this.seed) {
      this.seed = seed
      this.next = generator(seed)
    }
    return this.next()
  }
  nextDoubleUnsafe(): number {
    return ((this.word() >>> 5) * 67108864 + (this.word() >>> 6)) / 9007199254740992
  }
  nextIntUnsafe(): number {
    const value = (this.word() >>> 11) * 4294967296 + this.word()
    return (this.word() & 1) === 0 ? value : -value
  }
  byte(): number {
    return this.word() & 0xff
  }
}

/** Digests of the platform, and random bytes that follow from a seed. */
export class SeededCrypto implements Crypto {
  private readonly random: SeededRandom
  readonly subtle: SubtleCrypto
  constructor(seed: string | (() => string), subtle: SubtleCrypto) {
    this.random = new SeededRandom(seed)
    this.subtle = subtle
  }
  getRandomValues<T extends ArrayBufferView>(array: T): T {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.random.byte()
    return array
  }
  randomUUID(): `${string}-${string}-${string}-${string}-${string}` {
    const bytes = this.getRandomValues(new Uint8Array(16))
    bytes[6] = (bytes[6]! & 0x0f) | 0x40
    bytes[8] = (bytes[8]! & 0x3f) | 0x80
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }
}
