/** What a command sees of the machine in bubblewrap, as the words that start it. */
import { existsSync, lstatSync, readlinkSync } from "node:fs"
import { dirname } from "node:path"
import type { Guarded } from "../Workspace.ts"

/** What a sandbox lets a command see. */
export interface View {
  readonly root: string
  /** Where the command runs. */
  readonly cwd: string
  readonly isReadOnly: boolean
  readonly hasNetwork: boolean
  /** Further folders that it reads. */
  readonly shown: ReadonlyArray<string>
  /** Bytes of each of its folders in memory. */
  readonly scratch: number
  readonly guarded: Guarded
}

/** Where commands are at home. */
export const home = "/home/agent"

/** The one line of `/etc/passwd`: some programs do not start as a user who is not there. */
export const passwd = `agent:x:1000:1000::${home}:/bin/sh\n`

/** What bubblewrap is told; from one descriptor it reads that line, and on the other it says what happens. */
export const view = (
  { cwd, guarded, hasNetwork, isReadOnly, root, scratch, shown }: View,
  descriptors: { readonly passwd: number; readonly status: number }
): ReadonlyArray<string> => [
  "--json-status-fd",
  String(descriptors.status),
  "--unshare-all",
  ...(hasNetwork ? ["--share-net"] : []),
  "--die-with-parent",
  "--new-session",
  "--cap-drop",
  "ALL",
  "--uid",
  "1000",
  "--gid",
  "1000",
  "--hostname",
  "sandbox",
  ...system(),
  ...[...settings, ...shown].flatMap(seen),
  ...(hasNetwork ? ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"].flatMap(seen) : []),
  "--ro-bind-data",
  String(descriptors.passwd),
  "/etc/passwd",
  "--proc",
  "/proc",
  "--dev",
  "/dev",
  ...["/dev/shm", "/tmp", "/var/tmp", home].flatMap((folder) => ["--size", String(scratch), "--tmpfs", folder]),
  isReadOnly ? "--ro-bind" : "--bind",
  root,
  root,
  // What lies around a guarded file stays where it is: renamed, it would have another name the next time.
  ...(isReadOnly ? [] : around(root, guarded)).flatMap((folder) => ["--bind", folder, folder]),
  ...guarded.protect.flatMap((place) => ["--ro-bind", place, place]),
  ...guarded.hidden.flatMap((place) =>
    lstatSync(place, { throwIfNoEntry: false })?.isDirectory() === true
      ? ["--perms", "0000", "--tmpfs", place, "--remount-ro", place]
      : ["--ro-bind", "/dev/null", place]
  ),
  // The rest is memory of the machine without a limit.
  "--remount-ro",
  "/dev",
  "--remount-ro",
  "/",
  "--chdir",
  cwd
]

// ----------------------------------------------------------------------------
// internal
// ----------------------------------------------------------------------------

/** What programs look up in `/etc`. Beside certificates there may be keys. */
const settings: ReadonlyArray<string> = [
  "/etc/ssl/certs",
  "/etc/ssl/cert.pem",
  "/etc/ssl/openssl.cnf",
  "/etc/pki/tls/certs",
  "/etc/pki/ca-trust",
  "/etc/ca-certificates",
  "/etc/alternatives",
  "/etc/ld.so.cache",
  "/etc/localtime"
]

const seen = (path: string): ReadonlyArray<string> => ["--ro-bind-try", path, path]

/** Programs and libraries. Where folders of the root are links to those below `/usr`, they are links again. */
const system = (): ReadonlyArray<string> =>
  ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"].flatMap((path) =>
    !existsSync(path)
      ? []
      : lstatSync(path).isSymbolicLink()
      ? ["--symlink", readlinkSync(path), path]
      : ["--ro-bind", path, path]
  )

/** The folders between the root and what is guarded, the outer ones first. */
const around = (root: string, { hidden, protect }: Guarded): ReadonlyArray<string> => {
  const found = new Set<string>()
  for (const place of [...hidden, ...protect]) {
    for (let folder = dirname(place); folder.length > root.length; folder = dirname(folder)) {
      // What is in a protected folder cannot be moved.
      if (!protect.includes(folder)) found.add(folder)
    }
  }
  return [...found].sort((a, b) => a.length - b.length)
}
