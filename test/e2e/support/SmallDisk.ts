/**
 * A file system of a few megabytes that a test fills and empties. It is a
 * mount, so it takes root, or `sudo` without a password.
 */
import { spawnSync } from "node:child_process"
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { onTestFinished } from "vitest"

const asRoot = (...command: ReadonlyArray<string>): boolean => {
  const [program, ...args] = process.getuid?.() === 0 ? command : ["sudo", "-n", ...command]
  return spawnSync(program!, args, { stdio: "ignore" }).status === 0
}

export class SmallDisk {
  readonly folder: string
  private readonly filler: string

  private constructor(folder: string) {
    this.folder = folder
    this.filler = join(folder, "filler")
  }

  /** Nothing where this machine lets nobody mount. */
  static make(megabytes: number): SmallDisk | undefined {
    const folder = mkdtempSync(join(tmpdir(), "fermata-disk-"))
    const isMounted = asRoot("mount", "-t", "tmpfs", "-o", `size=${megabytes}m,mode=0777`, "tmpfs", folder)
    onTestFinished(() => {
      if (isMounted) asRoot("umount", "-l", folder)
      rmSync(folder, { recursive: true, force: true })
    })
    return isMounted ? new SmallDisk(folder) : undefined
  }

  /** Takes all the room that is left. */
  fill(): void {
    const file = openSync(this.filler, "a")
    try {
      for (let size = 1 << 16; size >= 1; size >>= 1) {
        try {
          while (writeSync(file, Buffer.alloc(size)) === size);
        } catch (cause) {
          if (!(cause instanceof Error) || !("code" in cause) || cause.code !== "ENOSPC") throw cause
        }
      }
    } finally {
      closeSync(file)
    }
  }

  /** Gives the room back. */
  free(): void {
    rmSync(this.filler, { force: true })
  }
}
