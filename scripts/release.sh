#!/usr/bin/env bash
# Makes a release of HEAD in build/release/VERSION, and makes it a second time in another folder, with nothing compiled before, to see that the bytes are the
# same. Needs what scripts/build.sh needs. Takes about ten minutes on two processors.
#
#   scripts/release.sh VERSION [--key FILE] [--publish PREFIX] [--quick]
#   scripts/release.sh --verify DIR [--key PUBLIC_KEY]
#
# --key      sign the checksums and the provenance with this private key (PEM, curve P-256, from openssl or cosign; COSIGN_PASSWORD has its password)
# --publish  also push the buildpack, the run and build images and the builder: PREFIX/gantry:VERSION, PREFIX/builder:VERSION …; needs Docker
# --quick    compile the second time with what Go has kept of the first
# --verify   check the files of a release against their checksums, and with a public key the signatures
set -euo pipefail
. "$(dirname "$0")/help.sh"
cd "$(dirname "$0")/.."
version= key= prefix= quick= verify=
while [ $# -gt 0 ]; do
  case $1 in
    --key) key=$(readlink -f "$2"); shift 2 ;;
    --publish) prefix=$2; shift 2 ;;
    --quick) quick=1; shift ;;
    --verify) verify=$2; shift 2 ;;
    -*) refuse "$1" ;;
    *)
      if [ -n "$version" ]; then refuse "$1"; fi
      version=$1
      shift
      ;;
  esac
done

fail() {
  echo "release.sh: $1" >&2
  exit 1
}

# check compares a folder's files with their checksums, and what signs these with a public key.
check() {
  local dir=$1 public=$2 unlisted
  (cd "$dir" && sha256sum --quiet --check SHA256SUMS) || fail "files in $dir are not those of the release"
  unlisted=$(cd "$dir" && comm -23 <(find . -type f -printf '%P\n' | grep -vE '^(SHA256SUMS(\.sig)?|provenance\..*)$' | LC_ALL=C sort) <(cut -c67- SHA256SUMS | LC_ALL=C sort))
  if [ -n "$unlisted" ]; then fail "SHA256SUMS does not list: $unlisted"; fi
  echo "Checksums    right, of $(wc -l <"$dir/SHA256SUMS") files"
  if [ -z "$public" ]; then
    echo "Signature    not looked at: give the public key with --key"
    return
  fi
  openssl dgst -sha256 -verify "$public" -signature <(base64 -d "$dir/SHA256SUMS.sig") "$dir/SHA256SUMS" >/dev/null || fail "SHA256SUMS is not signed by this key"
  # The envelope signs its type and its content: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
  local envelope=$dir/provenance.intoto.jsonl payload
  payload=$(mktemp)
  base64 -d <(sed 's/.*"payload":"\([^"]*\)".*/\1/' "$envelope") >"$payload"
  openssl dgst -sha256 -verify "$public" -signature <(base64 -d <(sed 's/.*"sig":"\([^"]*\)".*/\1/' "$envelope")) \
    <(printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(stat -c %s "$payload")" && cat "$payload") >/dev/null || fail "the provenance is not signed by this key"
  local file
  while read -r sum file; do
    grep -qF "\"name\":\"$file\",\"digest\":{\"sha256\":\"$sum\"}" "$payload" || fail "the provenance does not state $file"
  done <"$dir/SHA256SUMS"
  rm "$payload"
  echo "Signature    right, of the checksums and of the provenance"
}

if [ -n "$verify" ]; then
  if [ -n "$version" ]; then refuse "$version"; fi
  check "$verify" "$key"
  exit 0
fi
if [ -z "$version" ]; then
  usage >&2
  exit 2
fi

# One truth for the version, and a section of the changelog for it.
stated=$(sed -n 's/^version = "\(.*\)"/\1/p' buildpack.toml | sed -n 1p)
if [ "$stated" != "$version" ]; then fail "buildpack.toml says version $stated: change it there, and take the release's notes down in CHANGELOG.md"; fi
notes=$(sed -n "/^## $version - /,/^## /{/^## /!p}" CHANGELOG.md)
if [ -z "$notes" ]; then fail "CHANGELOG.md has no section \"## $version - DATE\""; fi
if [ -n "$(git status --porcelain)" ]; then fail "there are changes that are not committed: a release is made of HEAD"; fi
commit=$(git rev-parse HEAD)

work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
# make_in makes the files of the release in a new clone, and prints nothing but what is new in it.
make_in() {
  local clone=$1 out=$2 file
  git clone --quiet . "$clone"
  git -C "$clone" checkout --quiet "$commit"
  (cd "$clone" && scripts/package.sh --tool && scripts/package.sh) >"$clone.log" 2>&1 || { cat "$clone.log" >&2; fail "the release was not made"; }
  mkdir -p "$out"
  for file in linux-amd64 linux-arm64 darwin-arm64; do cp "$clone/build/gantry-tool-$file.tar.gz" "$out/gantry-$version-$file.tar.gz"; done
  for file in amd64 arm64; do cp "$clone/build/gantry-linux-$file.cnb" "$out/gantry-buildpack-$version-linux-$file.cnb"; done
  (cd "$clone" && GOOS=linux GOARCH=amd64 scripts/licences.sh "$out/gantry-$version.cdx.json" "$out/THIRD-PARTY-LICENCES" ./cmd/gantry ./cmd/detect ./cmd/build ./cmd/launch ./cmd/static)
  printf '%s\n' "$notes" >"$out/notes.md"
  (cd "$out" && sha256sum -- *) >"$work/sums" && mv "$work/sums" "$out/SHA256SUMS"
}

echo "Making       $version of ${commit:0:12}"
make_in "$work/first" "$work/out"
echo "Making       it again, in another folder${quick:+, with what Go has kept}"
(
  # Another folder, umask, time zone and language; and without --quick nothing that was compiled before.
  umask 077
  GOPATH=$(go env GOPATH) GOMODCACHE=$(go env GOMODCACHE) GOCACHE=$work/cache
  if [ -n "$quick" ]; then GOCACHE=$(go env GOCACHE); fi
  mkdir -p "$work/home"
  export TZ=Pacific/Auckland LC_ALL=C HOME=$work/home GOPATH GOMODCACHE GOCACHE
  make_in "$work/a folder with another name/second" "$work/again"
)
if ! diff "$work/out/SHA256SUMS" "$work/again/SHA256SUMS" >&2; then fail "the same commit made other bytes in another folder"; fi
echo "Reproduced   the same $(wc -l <"$work/out/SHA256SUMS") files, byte for byte"

go run ./cmd/provenance "$work/out" "$version" "$commit" ${key:+"$key"} >"$work/public.pem"
check "$work/out" "${key:+$work/public.pem}"
out=build/release/$version
rm -rf "$out"
mkdir -p build/release
mv "$work/out" "$out"

if [ -n "$prefix" ]; then
  scripts/package.sh --publish "$prefix/gantry:$version"
  scripts/builder.sh --name "$prefix" --tag "$version" --publish
fi
(cd "$out" && find . -type f -printf '%P %s\n' | LC_ALL=C sort | awk '{printf "             %-48s %8.1f MB\n", $1, $2/1e6}')
echo "Next         git tag -s v$version && git push origin v$version; upload the files in $out"
