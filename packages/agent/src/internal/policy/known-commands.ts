/**
 * What well-known commands do, by name. A command that is not here may do anything.
 * The options are those of GNU and of git, as their manuals of 2026 name them.
 */

/** What a command is known for, the worst last. */
export type Kind = "reads" | "writes" | "network" | "destroys" | "runs"

/** A command that only reads, but for some of its words. */
interface Reader {
  /** Options with which it does more; `--name` stands for `--name=…` too, and `-x` for `-x…` and within `-ax`. */
  readonly unless?: ReadonlyArray<string>
  /** How many words that are no options it takes before it writes to one. */
  readonly inputs?: number
  /** What its words have to be. */
  readonly only?: RegExp
}

const plain: Reader = {}

/** Commands that only read. */
export const readers: Readonly<Record<string, Reader>> = {
  ...Object.fromEntries(
    ("ls cat head tail wc grep egrep fgrep pwd echo true false stat du df cut tr nl tac rev column comm diff cmp basename "
      + "dirname realpath readlink which type cal seq expr md5sum sha1sum sha256sum sha512sum cksum base64 od hexdump "
      + "strings uname whoami id groups uptime free cd jq").split(" ").map((name) => [name, plain])
  ),
  // A time without a plus sets the clock.
  date: { unless: ["-s", "--set"], only: /^(?![\d.]+$)/ },
  file: { unless: ["-C", "--compile", "-m", "--magic-file"] },
  find: {
    unless: ["-exec", "-execdir", "-ok", "-okdir", "-delete", "-fprint", "-fprint0", "-fprintf", "-fls"]
  },
  // With other letters it shows what the environments of processes hold.
  ps: { only: /^(-?(ef|A|a|u|x|aux|ax)|-[eflAwjH]+)$/ },
  printf: { unless: ["-v"] },
  rg: { unless: ["--pre", "--pre-glob", "--hostname-bin", "-z", "--search-zip"] },
  sort: { unless: ["-o", "--output", "--compress-program", "-T", "--temporary-directory"] },
  tree: { unless: ["-o", "-R"] },
  uniq: { inputs: 1 }
}

/** Subcommands of git that only read, where no option says otherwise. */
export const gitReaders: ReadonlySet<string> = new Set(
  "log show diff status blame shortlog describe rev-parse rev-list ls-files ls-tree cat-file merge-base name-rev grep whatchanged"
    .split(" ")
)

/** Options of git itself with which a subcommand still only reads. */
export const gitOptions: ReadonlySet<string> = new Set([
  "--no-pager",
  "-P",
  "--no-optional-locks",
  "--literal-pathspecs"
])

/** Options of its subcommands with which they write, run something or look elsewhere. */
export const gitUnless: ReadonlyArray<string> = [
  "--output",
  "--ext-diff",
  "--textconv",
  "--no-index",
  "-O",
  "--open-files-in-pager",
  "--contents",
  "--filters",
  "--submodule",
  "--recurse-submodules",
  "--alternate-refs",
  "--dirty",
  "--broken"
]

const words = (kind: Kind, names: string): ReadonlyArray<readonly [string, Kind]> =>
  names.split(" ").map((name) => [name, kind] as const)

/** What other commands are known for. */
export const others: ReadonlyMap<string, Kind> = new Map([
  ...words("writes", "touch mkdir cp mv ln tee chmod chown chgrp install patch split csplit mktemp mkfifo"),
  ...words("network", "curl wget ssh scp sftp rsync nc ncat netcat telnet ftp ping dig nslookup host whois socat"),
  ...words(
    "destroys",
    "rm rmdir unlink shred dd truncate wipefs fdisk parted mkswap kill killall pkill shutdown reboot halt poweroff umount"
  ),
  // They carry out what they are given, or change what comes after them.
  ...words(
    "runs",
    "sh bash dash zsh ksh fish ash busybox eval exec source . command builtin env xargs parallel sudo doas su runuser setpriv "
      + "chroot unshare nsenter nohup setsid timeout time nice ionice stdbuf script watch strace ltrace gdb trap alias export set "
      + "shopt enable hash declare typeset local readonly unset python python3 node deno bun perl ruby php lua awk gawk mawk sed ed ex "
      + "vi vim emacs make npm npx pnpm yarn pip pip3 docker podman kubectl crontab at batch systemctl"
  )
])

/** Commands of git that throw away what cannot be had again, each with the words that make it do so; none means always. */
export const gitDestroyers: Readonly<Record<string, ReadonlyArray<string>>> = {
  push: ["-f", "--force", "--force-with-lease", "--delete", "-d", "--mirror", "--prune"],
  reset: ["--hard"],
  clean: [],
  checkout: ["-f", "--force", "--"],
  restore: [],
  rm: [],
  branch: ["-D", "-d", "--delete"],
  tag: ["-d", "--delete"],
  stash: ["drop", "clear"],
  "filter-branch": [],
  gc: ["--prune"],
  reflog: ["expire", "delete"],
  "update-ref": ["-d"],
  worktree: ["remove"]
}

/** Commands of git that speak to another machine. */
export const gitSpeakers: ReadonlySet<string> = new Set(
  "push fetch pull clone ls-remote remote submodule archive send-email".split(" ")
)

/**
 * Beginnings of commands of which whoever lets one go unasked usually means all
 * with it; NAME stands for the name of a script. None that throws something away,
 * speaks to another machine, or carries out what it is given.
 */
export const families: ReadonlyArray<string> = [
  ...[...gitReaders, "add", "commit"].map((command) => `git ${command}`),
  ...["npm", "pnpm", "yarn"].flatMap((program) => [`${program} test`, `${program} run NAME`])
]
