#!/usr/bin/env bash
# Installs the peers, builds everything for Release, and measures. Called by `./test.sh bench [steps|decisions|simulate|search|masks|allocation|held|echo|streams|journal|http|kubernetes|postgres]`.
# Results go to docs/benchmarks.md and docs/benchmarks/*.json. Takes about 31 minutes, 12 of them `postgres`; run it on an idle machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
what=("$@")
[ ${#what[@]} -gt 0 ] || what=(steps decisions journal allocation echo streams http kubernetes postgres)

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
if [[ " ${what[*]} " == *" echo "* || " ${what[*]} " == *" allocation "* || " ${what[*]} " == *" streams "* || " ${what[*]} " == *" http "* || " ${what[*]} " == *" kubernetes "* ]] && ! { command -v nginx && command -v haproxy && command -v wrk; } > /dev/null; then
  # The versions of Debian 12; another release measures other peers and has to say so.
  as_root apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends 'nginx-light=1.22.1-*' 'haproxy=2.6.12-*' 'wrk=4.1.0-*'
fi
if [[ " ${what[*]} " == *" postgres "* ]] && ! { [ -x /usr/lib/postgresql/15/bin/pgbench ] && command -v pgbouncer && ls /usr/lib/*/libpg_query.so.1504.0; } > /dev/null; then
  as_root apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends 'postgresql-15=15.*' 'postgresql-client-15=15.*' 'pgbouncer=1.18.0-*' 'libpg-query1504.0=15-4.0.0-*'
fi

dotnet build -c Release -v q tests/Postern.Benchmarks
dotnet build -c Release -v q src/Postern.Cli
if [[ " ${what[*]} " == *" echo "* || " ${what[*]} " == *" streams "* || " ${what[*]} " == *" http "* || " ${what[*]} " == *" kubernetes "* ]]; then dotnet build -c Release -v q tests/Postern.Benchmarks.Yarp; fi
for each in "${what[@]}"; do
  dotnet tests/Postern.Benchmarks/bin/Release/net10.0/Postern.Benchmarks.dll "$each"
done
