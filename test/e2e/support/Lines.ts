/** A file of lines that processes append to, and that tells when there are more of them. */
import { existsSync, readFileSync, watch } from "node:fs"
import { dirname } from "node:path"

export class Lines {
  readonly file: string

  /** Its folder must be there; the file need not. */
  constructor(file: string) {
    this.file = file
  }

  /** All whole lines so far. */
  get all(): ReadonlyArray<string> {
    return existsSync(this.file) ? readFileSync(this.file, "utf8").split("\n").slice(0, -1) : []
  }

  /** Waits until so many lines are there that `counts` counts, as the system tells of each change, or until `instead` has happened. */
  readonly reach = (
    count: number,
    { counts = () => true, instead }: {
      readonly counts?: (line: string) => boolean
      readonly instead?: Promise<unknown>
    } = {}
  ): Promise<void> =>
    new Promise((resolve, reject) => {
      const stop = () => {
        watcher.close()
        resolve()
      }
      const look = () => {
        if (this.all.filter(counts).length >= count) stop()
      }
      const watcher = watch(dirname(this.file), look)
      watcher.on("error", reject)
      void instead?.then(stop, stop)
      look()
    })
}
