#!/usr/bin/env bash
# Updates an agent in place, on this machine or on another one:
#
#   deploy/update.sh --agent NAME [--host USER@ADDRESS] [--folder FOLDER] [--port PORT]
#
# Stops the rounds of work, backs the database up, takes what is new of origin/main, installs, checks types, tests,
# examines the installation, brings the database up to date, and starts everything again; with --port it then asks the
# server whether it is well. Where a step fails, none that follows it is done. Up to the examination the commit of
# before is put back and goes on; from then on the database may be of the new version, and the two ways out are said.
set -uo pipefail

agent="" host="" folder="" port=""
while [ $# -gt 0 ]; do
  case "$1" in
    --agent | --host | --folder | --port)
      [ $# -ge 2 ] || { echo "update: $1 wants a value" >&2; exit 2; }
      declare "${1#--}=$2"
      shift 2
      ;;
    *)
      echo "update: unknown argument $1; known are --agent NAME, --host USER@ADDRESS, --folder FOLDER and --port PORT" >&2
      exit 2
      ;;
  esac
done
[[ "$agent" =~ ^[A-Za-z0-9][A-Za-z0-9_.-]*$ ]] || { echo "update: --agent NAME is missing, or no name of a unit" >&2; exit 2; }
[[ "$port" =~ ^[0-9]*$ ]] || { echo "update: --port wants a number, found $port" >&2; exit 2; }
folder=${folder:-agents/$agent}

# Runs a line in the folder of the agent, where it is.
there() {
  local line
  line="cd $(printf %q "$folder") && $1"
  if [ -n "$host" ]; then ssh -o BatchMode=yes "$host" "bash -c $(printf %q "$line")"; else (cd "$HOME" && bash -c "$line"); fi
}

units="fermata-dispatch@$agent.timer fermata-run-once@$agent.service"
start="systemctl --user start fermata-dispatch@$agent.timer"
backup="backups/$(date -u +%Y%m%dT%H%M%SZ)-$$.db"
before=$(there "git rev-parse HEAD") || { echo "update: $folder is no checkout that can be reached" >&2; exit 1; }
done_steps=""

step() {
  echo "== $1"
  if there "$2"; then
    done_steps="${done_steps:+$done_steps,} $1"
    return
  fi
  echo "update: \"$1\" failed; done before it:${done_steps:- nothing}" >&2
  case "$done_steps" in
    *"examine the installation"*)
      echo "The database may be of the new version, which the old one does not open. Either mend what is wrong and run this again, or go back:" >&2
      echo "  systemctl --user stop fermata-server@$agent; git reset --hard $before && npm ci" >&2
      echo "  put $backup in the place of the database, then: npx fermata doctor --restored" >&2
      echo "  systemctl --user start fermata-server@$agent fermata-dispatch@$agent.timer" >&2
      ;;
    *"stop the rounds of work"*)
      echo "== go back to $before" >&2
      if there "git reset --quiet --hard $before && npm ci --no-audit --no-fund && $start"; then
        echo "The version of before goes on." >&2
      else
        echo "The version of before could not be put back: see to $folder, then: $start" >&2
      fi
      ;;
  esac
  exit 1
}

step "stop the rounds of work" "systemctl --user stop $units"
step "back up the database" "mkdir -p backups && if [ -e .fermata/fermata.db ]; then npx --no-install fermata backup $backup; fi"
step "take what is new" "git fetch --quiet origin main && git merge --quiet --ff-only origin/main"
step "install" "npm ci --no-audit --no-fund"
step "check types" "npm run --silent --if-present typecheck"
step "test" "npm run --silent --if-present test"
step "examine the installation" "npx --no-install fermata doctor --setup"
step "bring the database up to date" "npx --no-install fermata status"
step "start again" "systemctl --user restart fermata-server@$agent && $start"
if [ -n "$port" ]; then
  step "ask the server" "for second in \$(seq 30); do curl --silent --fail --max-time 2 http://127.0.0.1:$port/api/health && exit 0; sleep 1; done; exit 1"
fi
echo "== $agent is at $(there "git rev-parse --short HEAD")"
