#!/usr/bin/env bash
# Builds a real kube-apiserver from Debian's own source package, and fetches etcd and a kubectl, into a folder outside the tree:
#   ${XDG_CACHE_HOME:-$HOME/.cache}/postern/kubernetes-<key>/{kube-apiserver,etcd,kubectl}
# Prints that folder. Does nothing when it is there. The key is made of the pinned versions and of the recipe, so a change of either builds anew.
# Needs Debian 12 with apt and, for the compiler, root (or sudo). About 4 CPU minutes and 4 GB of disk while it builds; 200 MB stay.
set -euo pipefail
{
source_version='1.20.5+really1.20.2-1.1+deb12u1'
etcd_version='3.4.23-4+b4'
kubectl_version='1.32.3'     # trixie's: speaks WebSocket v5 first; the server is the newest that Debian carries whole
recipe=1

cache=${XDG_CACHE_HOME:-$HOME/.cache}/postern
ready=$cache/kubernetes-$source_version-$etcd_version-kubectl$kubectl_version-r$recipe
if [ -x "$ready/kube-apiserver" ] && [ -x "$ready/etcd" ] && [ -x "$ready/kubectl" ]; then
  echo "$ready"
  exit
fi
mkdir -p "$cache"
# Two runs build once.
exec 8> "$cache/kubernetes.lock"
flock 8
if [ -x "$ready/kube-apiserver" ] && [ -x "$ready/etcd" ] && [ -x "$ready/kubectl" ]; then
  echo "$ready"
  exit
fi

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}
say() { echo "kubernetes: $*" >&2; }

work=$(mktemp -d "$cache/kubernetes-build.XXXXXX")
trap 'chmod -R u+w "$work" 2> /dev/null || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
out=$work/out
mkdir -p "$out" "$work/debs"

# Lists of our own, in a folder of our own: the machine's sources are not changed, and no suite is added to it.
apt_in() {
  local lists=$1
  shift
  "$@" -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$work/$lists/parts" -o "Dir::State::Lists=$work/$lists/lists" \
    -o "Dir::Cache=$work/$lists/cache" -o APT::Sandbox::User=root -o Acquire::Retries=3 -o APT::Get::List-Cleanup=0
}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# The mirror that this machine uses for Debian itself, if its sources name one.
mirror=$( (cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2> /dev/null || true) \
  | (grep -v '^#' || true) | (grep -oE 'https?://[^ ]*/debian/?( |$)' || true) | sed -n '1s/ *$//p')
mirror=${mirror:-http://deb.debian.org/debian}
add_list() { # NAME TYPES SUITES
  mkdir -p "$work/$1/parts" "$work/$1/lists/partial" "$work/$1/cache/archives/partial"
  printf 'Types: %s\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$2" "$mirror" "$3" "$keyring" > "$work/$1/parts/debian.sources"
  apt_in "$1" apt-get update -qq >&2
}

say "fetching etcd and kubectl"
add_list bookworm 'deb deb-src' bookworm
add_list trixie deb trixie
(cd "$work/debs" && apt_in bookworm apt-get download -qq "etcd-server=$etcd_version" >&2 && apt_in trixie apt-get download -qq "kubectl=$kubectl_version+ds-*" >&2)
for package in "$work"/debs/*.deb; do dpkg-deb -x "$package" "$work/unpacked"; done
cp "$work/unpacked/usr/bin/etcd" "$work/unpacked/usr/bin/kubectl" "$out/"

tools=(golang-go dpkg-dev rsync make jq golang-github-modern-go-reflect2-dev golang-github-json-iterator-go-dev)
absent=()
for tool in "${tools[@]}"; do dpkg-query -W -f '${Status}' "$tool" 2> /dev/null | grep -q 'install ok installed' || absent+=("$tool"); done
if [ ${#absent[@]} -gt 0 ]; then
  say "installing ${absent[*]}"
  as_root apt-get update -qq -o DPkg::Lock::Timeout=300 >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "${absent[@]}" > /dev/null
fi

say "fetching the source"
(cd "$work" && apt_in bookworm apt-get source -qq --download-only "kubernetes=$source_version" >&2)
mkdir -p "$work/gopath/src/k8s.io"
dpkg-source --no-check -x "$work"/kubernetes_*.dsc "$work/gopath/src/k8s.io/kubernetes" > /dev/null
export GO111MODULE=off GOPATH=$work/gopath GOCACHE=$work/gocache GOTMPDIR=$work CGO_ENABLED=0 GOFLAGS=
cd "$work/gopath/src/k8s.io/kubernetes"
# The vendored reflect2 1.0.1 faults in map iteration under Go 1.18 and newer; Debian's own copy does not.
for module in modern-go/reflect2 json-iterator/go; do
  rm -rf "vendor/github.com/$module"
  cp -r "/usr/share/gocode/src/github.com/$module" "vendor/github.com/$module"
done
say "building kube-apiserver (a few minutes)"
# Without it: undefined: openapi.GetOpenAPIDefinitions.
make gen_openapi GOFLAGS= > "$work/openapi.log" 2>&1 || { tail -n 20 "$work/openapi.log" >&2; exit 1; }
version=
for package in component-base client-go/pkg; do
  path=k8s.io/kubernetes/vendor/k8s.io/$package/version
  version="$version -X $path.gitVersion=v1.20.2 -X $path.gitMajor=1 -X $path.gitMinor=20"
done
go build -ldflags "-s -w$version" -o "$out/kube-apiserver" ./cmd/kube-apiserver >&2

rm -rf "$ready"
mv "$out" "$ready"
say "ready"
echo "$ready"
exit
}
