/** What was said of one stream and is not in the store yet: lines with numbers that follow each other. */
export class ChunkQueue {
  /** The number of the first line that waits. */
  first = 0
  /** Bytes of what waits, and of all that was ever said. */
  bytes = 0
  allBytes = 0
  private waiting: Array<{ readonly text: string; readonly bytes: number }> = []

  get isEmpty(): boolean {
    return this.waiting.length === 0
  }

  get lines(): ReadonlyArray<string> {
    return this.waiting.map(({ text }) => text)
  }

  push(text: string, bytes: number): void {
    this.waiting.push({ text, bytes })
    this.bytes += bytes
    this.allBytes += bytes
  }

  /** The lines of the next row: at least one, and no more bytes than this. */
  row(maxBytes: number): ReadonlyArray<string> {
    const row: Array<string> = []
    let room = maxBytes
    for (const { bytes, text } of this.waiting) {
      if (row.length > 0 && bytes > room) break
      row.push(text)
      room -= bytes
    }
    return row
  }

  /** The store has all lines before this one; false where it cannot have. */
  settle(next: number): boolean {
    const count = next - this.first
    if (count <= 0 || count > this.waiting.length) return false
    for (const { bytes } of this.waiting.splice(0, count)) this.bytes -= bytes
    this.first = next
    return true
  }

  clear(): void {
    this.waiting = []
    this.bytes = 0
  }
}
