#!/usr/bin/env bash
# Builds Gantry for this machine into build/: the buildpack, the lifecycle, and the tool gantry, which carries both. Needs Linux, Git and Go 1.26 or
# later. Takes two minutes the first time, then a few seconds.
#
#   scripts/build.sh [--platforms]
#
# --platforms  also what images of the other architecture need (amd64, arm64), for: gantry build --platform
#
# With GOARCH=arm64 in the environment, everything is made for that architecture.
set -euo pipefail
. "$(dirname "$0")/help.sh"
cd "$(dirname "$0")/.."
. scripts/quiet.sh
export CGO_ENABLED=0

platforms=
for word in "$@"; do
  case $word in
    --platforms) platforms=yes ;;
    *) refuse "$word" ;;
  esac
done

lifecycle=0.21.17
flags=(-trimpath -buildvcs=false)
strip="-s -w"
commit=$(git rev-parse --short=12 HEAD 2>/dev/null || true)

mkdir -p build/buildpack/bin build/tools
if [ ! -e build/gantry ]; then echo "Compiling Gantry (the first time it takes a minute)"; fi
cp buildpack.toml LICENSE build/buildpack/
go build "${flags[@]}" -ldflags "$strip" -o build/buildpack/bin/ ./cmd/detect ./cmd/build
go build "${flags[@]}" -ldflags "$strip" -o build/buildpack/bin/gantry ./cmd/launch
go build "${flags[@]}" -ldflags "$strip" -o build/buildpack/bin/static ./cmd/static

# The tools change with their module only; compiling them takes a minute.
arch=$(go env GOARCH)
stamp=$(cat integration/tools/go.sum integration/tools/go.mod scripts/build.sh <(echo "$arch") | sha256sum | cut -c1-16)
if [ "$(cat build/tools/stamp 2>/dev/null)" != "$stamp" ]; then
  echo "Compiling the lifecycle $lifecycle (once, about a minute)"
  (cd integration/tools && go build -trimpath -ldflags "-s -w -X github.com/buildpacks/lifecycle/cmd.Version=$lifecycle" -o ../../build/tools/ \
    github.com/buildpacks/lifecycle/cmd/lifecycle github.com/buildpacks/lifecycle/cmd/launcher)
  echo "$stamp" > build/tools/stamp
fi

# What is in images of the other architecture; once made, it is kept up to date.
other=arm64
if [ "$arch" = arm64 ]; then other=amd64; fi
rm -rf "build/buildpack/bin/linux-$arch" "build/tools/linux-$arch"
if [ -n "$platforms" ] || [ -e "build/buildpack/bin/linux-$other" ]; then
  mkdir -p "build/buildpack/bin/linux-$other" "build/tools/linux-$other"
  GOARCH=$other go build "${flags[@]}" -ldflags "$strip" -o "build/buildpack/bin/linux-$other/gantry" ./cmd/launch
  GOARCH=$other go build "${flags[@]}" -ldflags "$strip" -o "build/buildpack/bin/linux-$other/static" ./cmd/static
  if [ ! -e "build/tools/linux-$other/launcher" ] || [ build/tools/stamp -nt "build/tools/linux-$other/launcher" ]; then
    (cd integration/tools && GOARCH=$other go build -trimpath -ldflags "-s -w -X github.com/buildpacks/lifecycle/cmd.Version=$lifecycle" -o "../../build/tools/linux-$other/launcher" \
      github.com/buildpacks/lifecycle/cmd/launcher)
  fi
fi

# The tool carries the rest: packed again only when it has changed.
bundle=internal/platform/bundle/tools.tar.zst
contents=$(find build/buildpack build/tools -type f \( -path 'build/buildpack/*' -o -name lifecycle -o -name launcher \) | LC_ALL=C sort | xargs cat | sha256sum | cut -c1-16)
if [ "$(cat build/tools/bundle.stamp 2>/dev/null)" != "$contents" ] || [ ! -e "$bundle" ]; then
  GOARCH=$(go env GOHOSTARCH) go run ./cmd/bundle "$bundle"
  echo "$contents" > build/tools/bundle.stamp
fi
go build "${flags[@]}" -tags bundle -ldflags "$strip -X main.commit=$commit" -o build/gantry ./cmd/gantry
ln -sf gantry build/kubectl-gantry
if [ -t 1 ]; then echo "Made build/gantry: put it in PATH"; fi
