#!/usr/bin/env bash
# Runs the line once; for cron. Usage: nightly.sh CONFIG [FLAGS OF prefcurate run]
#
# One run at a time (flock); each writes a log of its own; the newest 30 are kept. Exit status 1 (something failed and is named) is
# tried again, 2 (the configuration is wrong) is not. Keys come from the environment: put `export OPENAI_API_KEY=…` into the file
# that PREFCURATE_KEYS names, readable by this user alone.
set -uo pipefail

config=${1:?usage: nightly.sh CONFIG [FLAGS]}
shift
logs=${PREFCURATE_LOGS:-$HOME/.local/state/prefcurate}
tries=${PREFCURATE_TRIES:-3}
pause=${PREFCURATE_PAUSE:-600}   # seconds

mkdir -p "$logs"
exec 9>"$logs/lock"
if ! flock --nonblock 9; then
  echo "prefcurate: an earlier run is still going; see $logs" >&2
  exit 75   # EX_TEMPFAIL: nothing is wrong, nothing was done
fi
if [ -n "${PREFCURATE_KEYS:-}" ]; then
  # shellcheck source=/dev/null
  . "$PREFCURATE_KEYS"
fi

log="$logs/$(date -u +%Y%m%dT%H%M%S).log"
status=1
for try in $(seq "$tries"); do
  [ "$try" -eq 1 ] || sleep "$pause"
  prefcurate run "$config" "$@" >>"$log" 2>&1
  status=$?
  [ "$status" -eq 1 ] || break
done
ls -1t "$logs"/*.log | tail -n +31 | xargs -r rm --
if [ "$status" -ne 0 ]; then
  # cron mails what is printed.
  echo "prefcurate: exit status $status; the end of $log:"
  tail -n 20 "$log"
fi
exit "$status"
