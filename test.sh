#!/usr/bin/env bash
# Installs what the tests need (pinned), builds, and runs a lane. See CONTRIBUTING.md.
#
#   ./test.sh           everything that guards a landing
#   ./test.sh kills     kill -9 under load, 1,000 rounds and 100 over PostgreSQL (POSTERN_KILL_ROUNDS)
#   ./test.sh soak      work of every kind at once, half an hour (POSTERN_SOAK_MINUTES)
#   ./test.sh fuzz      variants of sound input for every reader, 5 minutes a target (POSTERN_FUZZ_SECONDS)
#   ./test.sh bench     the measurements of docs/benchmarks.md
#
# Ends with `N passed, N failed, N skipped`; exits 0 only when something passed and nothing failed or was skipped.
set -euo pipefail

# The braces make bash read all of it before it runs any: an edit during a run changes nothing.
{
cd "$(dirname "${BASH_SOURCE[0]}")"
lane=${1:-all}
case $lane in
  all | kills | soak | fuzz | bench) ;;
  *) echo "test.sh: unknown lane \`$lane\`; expected nothing, kills, soak, fuzz or bench" >&2; exit 2 ;;
esac

need() {
  command -v "$1" > /dev/null || { echo "test.sh: \`$1\` is not on the path; install $2" >&2; exit 2; }
}
need dotnet "the .NET 10 SDK"
need node "Node.js 20 or newer, with npm"
need npm "Node.js 20 or newer, with npm"
need flock "util-linux"

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
# Nothing of the person's own configuration reaches a test.
unset "${!POSTERN__@}" 2> /dev/null || true

mkdir -p artifacts
results=$(mktemp -d "$PWD/artifacts/test.XXXXXX")
child=
finish() {
  [ -z "$child" ] || kill "$child" 2> /dev/null || true
  rm -rf "$results"
}
trap finish EXIT
trap 'exit 130' INT TERM

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Two runs in one tree take turns to install and build; after that they do not meet.
exec 9> artifacts/build.lock
flock 9
for peers in tests/node tests/node/kubernetes; do
  if [ "$(cat $peers/node_modules/.installed 2> /dev/null || true)" != "$(cksum < $peers/package-lock.json)" ]; then
    echo "installing the pinned packages of $peers"
    # Exact versions and hashes come from the lock file; no package runs a script of its own.
    npm ci --prefix $peers --ignore-scripts --no-audit --no-fund --loglevel=error
    cksum < $peers/package-lock.json > $peers/node_modules/.installed
  fi
done
if [ "$lane" = bench ]; then
  flock -u 9
  exec tests/Postern.Benchmarks/run.sh "${@:2}"
fi
# Completion runs in the shells themselves, another parser reads what we judged, a PostgreSQL with its own clients stands behind the gateway, rsyslog receives what is exported,
# strace makes flushes slow or fail; libpg-query is the product's own need too. The versions of Debian 12, where they are missing.
missing=()
command -v zsh > /dev/null || missing+=('zsh=5.9-*')
command -v fish > /dev/null || missing+=('fish=3.6.0-*')
command -v nginx > /dev/null || [ -x /usr/sbin/nginx ] || missing+=('nginx-light=1.22.1-*')
command -v curl > /dev/null || missing+=('curl=7.88.*')
command -v python3 > /dev/null || missing+=('python3=3.11.*')
[ -x /usr/lib/postgresql/15/bin/pgbench ] || missing+=('postgresql-15=15.*' 'postgresql-client-15=15.*')
command -v strace > /dev/null || missing+=('strace=6.1-*')
[ -x /usr/sbin/rsyslogd ] || missing+=('rsyslog=8.2302.0-*')
[ -n "$(ls /usr/lib/*/rsyslog/lmnsd_ossl.so 2> /dev/null)" ] || missing+=('rsyslog-openssl=8.2302.0-*')
[ -n "$(ls /usr/lib/*/libpg_query.so.1504.0 2> /dev/null)" ] || missing+=('libpg-query1504.0=15-4.0.0-*')
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing ${missing[*]}"
  as_root apt-get update -q > /dev/null
  # RUNLEVEL: nothing that is installed is started.
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends "${missing[@]}" > /dev/null
fi
# A real kube-apiserver, etcd and kubectl: built once from Debian's source package into ~/.cache/postern, about three minutes on two cores.
[ "$lane" != all ] || tests/Postern.Conformance/Kubernetes/build-server.sh > /dev/null 9>&-
echo "building"
dotnet build Postern.slnx -v q 9>&-
flock -u 9

# usage: run NAME [options of the test executable]
run() {
  local name=$1
  shift
  echo
  echo "running $name"
  "tests/$name/bin/Debug/net10.0/$name" --no-progress --results-directory "$results" \
    --report-xunit --report-xunit-filename "$name.xml" "$@" 9>&- > >(exec tee "$results/$name.out" 9>&-) 2>&1 &
  child=$!
  local status=0
  wait "$child" || status=$?
  child=
  # 0: all passed; 2: some test failed, as its report says. With any other the run died, whatever it reported, and whoever reads the end of all this wants to know why.
  { [ -s "$results/$name.xml" ] && [[ $status =~ ^[02]$ ]]; } || { sleep 1; echo "$name died or reported nothing (exit code $status)"; tail -n 60 "$results/$name.out" | cut -c 1-400; } > "$results/$name.died"
}

case $lane in
  all)
    run Postern.Tests --timeout 12m
    run Postern.Conformance --timeout 20m
    ;;
  kills)
    export POSTERN_KILL_ROUNDS=${POSTERN_KILL_ROUNDS:-1000}
    run Postern.Conformance --filter-trait "Lane=kills"
    ;;
  soak)
    export POSTERN_SOAK_MINUTES=${POSTERN_SOAK_MINUTES:-30}
    run Postern.Conformance --filter-trait "Lane=soak"
    ;;
  fuzz)
    export POSTERN_FUZZ_SECONDS=${POSTERN_FUZZ_SECONDS:-300}
    run Postern.Tests --filter-trait "Lane=fuzz"
    ;;
esac

echo
node tests/node/matrix.mjs "$lane" "$results"
exit
}
