#!/usr/bin/env bash
# Tells the story of a push on a real Kubernetes with real kpack, on this machine: commit, image, check, rollout; what happens when something is missing; and
# looking inside from a laptop. The manifests are those of deploy/kpack. Needs root, and the Debian packages that --setup installs. Takes two minutes;
# the first time, twenty more for compiling Kubernetes and kpack into ~/.cache/gantry ($GANTRY_KUBERNETES names another folder).
#
#   scripts/kpack-test.sh [--setup] [--keep]
#
# --setup  install the Debian packages: etcd-server, containerd, runc, containernetworking-plugins
# --keep   leave the cluster running
set -euo pipefail
. "$(dirname "$0")/help.sh"
cd "$(dirname "$0")/.."
keep=
for argument in "$@"; do
  case $argument in
    --setup) apt-get update -q >/dev/null && apt-get install -q -y --no-install-recommends etcd-server containerd runc containernetworking-plugins iproute2 openssl git curl >/dev/null ;;
    --keep) keep=1 ;;
    *) refuse "$argument" ;;
  esac
done
work=$(mktemp -d /tmp/gantry-kpack-XXXX)
. scripts/kpack-cluster.sh
trap 'touch "$work/enough"; [ -n "$keep" ] || stop_cluster' EXIT
begun=$SECONDS
# shellcheck disable=SC2086 # several names
sysctl $kept_sysctls 2>/dev/null >"$work/sysctls" || true

step() { printf '%4d s  %s\n' $((SECONDS - begun)) "$*"; }
fail() {
  echo "FAILED: $*" >&2
  kubectl get pods,builds.kpack.io,images.kpack.io -A >&2 || true
  exit 1
}

# latest gives a field of the newest build; built waits for build number N, and prints why it was made.
latest() { kubectl -n shop get builds.kpack.io --sort-by=.metadata.creationTimestamp -o jsonpath="{.items[-1:]$1}"; }
built() {
  local number=$1 wanted=$2
  await "build $number ends" 180 eval "[ \"\$(latest '.metadata.labels.image\\.kpack\\.io/buildNumber')\" = $number ] && [ -n \"\$(latest '.status.conditions[?(@.type==\"Succeeded\")].status' | grep -v Unknown)\" ]" || fail "build $number"
  [ "$(latest '.status.conditions[?(@.type=="Succeeded")].status')" = "$wanted" ] || fail "build $number should be $wanted: $(latest .status)"
  step "build $number: $(latest '.metadata.annotations.image\.kpack\.io/reason'), succeeded: $wanted"
}
log_of() { kubectl -n shop logs "$(latest .status.podName)" -c "$1" 2>/dev/null; }
# ask asks a pod that the Service would choose.
ask() { within curl -sf --max-time 5 "http://$(kubectl -n shop get endpointslices -l kubernetes.io/service-name=shop -o jsonpath='{.items[0].endpoints[?(@.conditions.ready==true)].addresses[0]}' | cut -d' ' -f1):8080/"; }
commit() { git -C "$work/app" add -A && git -C "$work/app" -c user.name=t -c user.email=t@localhost commit -qm "$1" && git -C "$work/app" push -q "$work/git/shop" HEAD:main; }

compile
scripts/build.sh >/dev/null
scripts/tools.sh >/dev/null
# They are kept: in the cluster's network, which reaches nothing outside, they are pushed.
for kind in tiny base build; do
  build/gantry base "$kind" "team/$kind:debian-12" --output "$work/base.tar" >/dev/null
  rm "$work/base.tar"
done
step "programs and images of Debian packages are there"

start_network
start_registry
image pause:1 /pause "$bin/pause=pause"
start_containerd
start_kubernetes
step "Kubernetes $kubernetes is ready"
start_kpack
step "kpack $kpack runs"

# What a team publishes: the package (with Node.js inside: nothing here reaches the network), and the stack's images.
cp -R build/buildpack "$work/buildpack"
go run ./cmd/offline --output "$work/buildpack/dependencies" ${BP_NPM_REGISTRY:+--registry "$BP_NPM_REGISTRY"} node=24 >/dev/null
publish() {
  PACK_HOME=$work/pack within build/tools/pack buildpack package "$registry/team/gantry:$1" --path "$work/buildpack" --format image --publish --target linux/amd64 --quiet
}
publish 0.2.0
within build/gantry base base "$registry/team/run:debian-12" --publish >/dev/null
within build/gantry base build "$registry/team/build:debian-12" --publish >/dev/null
within build/gantry base tiny "$registry/team/kubectl" --add "$bin/kubernetes:/usr/local/bin/kubectl" --publish >/dev/null
step "the package and the stack are published"

# The application, in a git server.
mkdir -p "$work/app" "$work/git" "$work/shims"
cat >"$work/app/package.json" <<'JSON'
{ "name": "shop", "version": "1.0.0", "private": true, "scripts": { "start": "node server.js" }, "engines": { "node": "24" } }
JSON
cat >"$work/app/server.js" <<'JS'
require('node:http').createServer((request, response) => response.end('version 1\n')).listen(process.env.PORT)
JS
git init -q -b main "$work/app" && git init -q --bare -b main "$work/git/shop"
# kpack asks for commits by their names.
git -C "$work/git/shop" config uploadpack.allowAnySHA1InWant true
commit "first"
daemon git git daemon --reuseaddr --base-path="$work/git" --export-all --listen="$node" "$work/git"

# kubectl as people have it: for roll.sh.
printf '#!/bin/sh\nexec nsenter --net=/run/netns/%s %s/bin/kubectl --kubeconfig %s/kubeconfig -n shop "$@"\n' "$namespace" "$work" "$work" >"$work/shims/kubectl"
chmod +x "$work/shims/kubectl"
manifest() { sed "s|registry.example|$registry|; s|https://git.example/team|git://$node|" "deploy/kpack/$1"; }
kubectl create namespace shop >/dev/null
kubectl label namespace shop pod-security.kubernetes.io/enforce=restricted >/dev/null
for where in kpack shop; do
  kubectl -n "$where" create secret docker-registry registry --docker-server="$registry" --docker-username=nobody --docker-password=nothing >/dev/null
done
kubectl apply -f - >/dev/null <<'YAML'
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: folders, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
YAML
for i in 1 2 3; do
  mkdir -p "$work/volumes/$i" && chmod 777 "$work/volumes/$i"
  printf 'apiVersion: v1\nkind: PersistentVolume\nmetadata: {name: v%s}\nspec: {storageClassName: folders, capacity: {storage: 2Gi}, accessModes: [ReadWriteOnce], hostPath: {path: %s/volumes/%s}}\n' "$i" "$work" "$i" | kubectl apply -f - >/dev/null
done
manifest builder.yaml | kubectl apply -f - >/dev/null
await "the builder is ready" 60 kubectl wait --for=condition=Ready clusterbuilder/gantry --timeout=1s || fail "$(kubectl get clusterbuilder,clusterstack,clusterbuildpack -o yaml)"
manifest image.yaml | kubectl -n shop apply -f - >/dev/null
step "the builder is ready, and the image is asked for"

built 1 True
manifest roll-access.yaml | kubectl -n shop apply -f - >/dev/null
manifest deployment.yaml | sed "s|image: .*/shop$|image: $(latest .status.latestImage)|" | kubectl -n shop apply -f - >/dev/null
await "the application is ready" 60 kubectl -n shop rollout status deployment/shop --timeout=1s || fail "$(kubectl -n shop describe pods)"
[ "$(ask)" = "version 1" ] || fail "the first version does not answer"
step "a commit became an image, and the Deployment answers"

# From a laptop, which has kubectl.
laptop() { PATH=$work/shims:$PATH build/gantry "$@" || fail "gantry $*"; }
# What is looked for comes in the output: said is read whole.
said() { laptop "${@:2}" >"$work/said" 2>&1 && grep -q -e "$1" "$work/said" || fail "gantry ${*:2} does not say $1: $(cat "$work/said")"; }
said "node server.js" ps deploy/shop
said "event loop" stacks deploy/shop
said "process types web" doctor deploy/shop
said "milliseconds" lag deploy/shop --for 1s
said "No crash" crash list deploy/shop
for _ in $(seq 60); do ask >/dev/null; sleep 0.1; done &
said "server.js:1" logpoint deploy/shop server.js:1 request.url --for 4s
laptop profile cpu deploy/shop --for 2s --output "$work/slow.cpuprofile" >"$work/said" 2>&1
grep -q "CPU profile: slow.cpuprofile" "$work/said" && [ -s "$work/slow.cpuprofile" ] || fail "no profile: $(cat "$work/said")"
laptop profile cpu deploy/shop --for 1s --all-pods --output "$work/profiles" >"$work/said" 2>&1
[ "$(find "$work/profiles" -name '*.cpuprofile' | wc -l)" -ge 1 ] || fail "no profiles of pods: $(cat "$work/said")"
if PATH=$work/shims:$PATH build/gantry stacks deploy/nowhere 2>"$work/said" || ! grep -q "target/unreachable" "$work/said"; then fail "an object that is not there: $(cat "$work/said")"; fi
step "from a laptop: ps, stacks, doctor, lag, logpoint, crash and profiles of the pods"

sed -i 's/version 1/version 2/' "$work/app/server.js"
commit "second"
built 2 True
log_of build | grep "Layer       node: reused" >/dev/null || fail "nothing was reused: $(log_of build)"
# The registry of roll.yaml's kubectl is the cluster's own.
sed "s|registry.example|$registry|" deploy/kpack/roll.yaml >"$work/roll.yaml"
cp deploy/kpack/roll.sh "$work/roll.sh"
roll() { PATH=$work/shims:$PATH "$work/roll.sh"; }
# What is not the configuration's fault is not called so.
sed -i 's|team/kubectl|team/nowhere|' "$work/roll.yaml"
code=0
ROLL_TIMEOUT=20 roll 2>"$work/refused" || code=$?
[ "$code" = 2 ] && grep -qE "the configuration fits, but the Deployment could not be changed: .*(ErrImagePull|ImagePullBackOff)" "$work/refused" || fail "a job that cannot start ended with $code: $(cat "$work/refused")"
sed -i 's|team/nowhere|team/kubectl|' "$work/roll.yaml"
step "a job without its image is told as that"
roll >/dev/null || fail "roll.sh: $(kubectl -n shop describe jobs,pods -l app=shop-roll)"
[ "$(ask)" = "version 2" ] || fail "the second version does not answer"
step "a new commit was built with the cache, checked, and rolled"

# A commit that needs a variable that nobody has set: the story of the broken push.
cat >"$work/app/project.toml" <<'TOML'
[dev.gantry.config.AUTH_KEY]
description = "Signs what the shop sends"
secret = true
TOML
sed -i 's/version 2/version 3/' "$work/app/server.js"
commit "third"
built 3 True
(
  while [ -e "$work/kubeconfig" ] && [ ! -e "$work/enough" ]; do
    if ! ask >>"$work/answers"; then echo failed >>"$work/answers"; fi
  done
) &
asking=$!
code=0
roll 2>"$work/refused" || code=$?
[ "$code" = 1 ] || fail "the rollout without AUTH_KEY ended with $code: $(cat "$work/refused")"
grep -q "AUTH_KEY" "$work/refused" || fail "it does not say what is missing: $(cat "$work/refused")"
kubectl -n shop describe pods -l app=shop-roll | grep "AUTH_KEY" >/dev/null || fail "kubectl describe does not show AUTH_KEY"
step "the push that needs AUTH_KEY stopped before the rollout: $(grep -m1 AUTH_KEY "$work/refused" | xargs)"
# Whoever rolls out past the check meets the one in the container.
kubectl -n shop set image deployment/shop "web=$(latest .status.latestImage)" >/dev/null
await "the new pod has ended" 60 eval 'kubectl -n shop describe pods -l app=shop | grep "AUTH_KEY" >/dev/null' || fail "kubectl describe does not show AUTH_KEY: $(kubectl -n shop describe pods -l app=shop)"
step "past the check, the new pod does not start; kubectl describe shows AUTH_KEY"
kubectl -n shop create secret generic shop --from-literal=AUTH_KEY=canary-of-kpack >/dev/null
kubectl -n shop delete pods -l app=shop --field-selector=status.phase!=Running >/dev/null 2>&1 || true
await "the rollout completes" 120 kubectl -n shop rollout status deployment/shop --timeout=1s || fail "$(kubectl -n shop describe pods -l app=shop)"
touch "$work/enough" && wait "$asking"
[ "$(ask)" = "version 3" ] || fail "the third version does not answer"
failed=$(grep -c failed "$work/answers" || true)
step "AUTH_KEY set, the rollout completed; $(wc -l <"$work/answers") requests meanwhile, $failed failed"
[ "$failed" = 0 ] || fail "requests failed"
if kubectl -n shop get pods,builds.kpack.io,jobs -o yaml | grep canary-of-kpack >/dev/null; then fail "the secret's value is in the cluster's objects"; fi

# What deploy-hints writes has the samples start on this kubelet: restricted pod security, no rights, a read-only file system.
for sample in express plain; do
  build/gantry build "samples/$sample" --cache "$work/samples/$sample" ${BP_NPM_REGISTRY:+-e BP_NPM_REGISTRY} >/dev/null || fail "the sample $sample was not built"
  crane push --insecure "$work/samples/$sample/image" "$registry/team/$sample:1" >/dev/null
  build/gantry deploy-hints "samples/$sample" | sed "s/- name: app$/- name: $sample/" >"$work/hints.yaml"
  kubectl -n shop create deployment "$sample" --image "$registry/team/$sample:1" --dry-run=client -o yaml >"$work/sample.yaml"
  kubectl patch --local -f "$work/sample.yaml" --type strategic --patch-file "$work/hints.yaml" -o yaml | kubectl -n shop apply -f - >/dev/null
  await "the sample $sample is ready" 60 kubectl -n shop rollout status "deployment/$sample" --timeout=1s || fail "$(kubectl -n shop describe pods -l app="$sample")"
  pod=$(kubectl -n shop get pods -l app="$sample" -o jsonpath='{.items[0].status.podIP}')
  within curl -sf --max-time 5 "http://$pod:8080/" >/dev/null || fail "the sample $sample does not answer"
  kubectl -n shop delete deployment "$sample" >/dev/null
done
step "the samples start with what deploy-hints writes"

# A new buildpack, a new run image, and an application that is none.
sed -i '0,/^version = .*/s//version = "0.2.1"/' "$work/buildpack/buildpack.toml"
publish 0.2.1
kubectl patch clusterbuildpack gantry --type merge -p "{\"spec\":{\"image\":\"$registry/team/gantry:0.2.1\"}}" >/dev/null
built 4 True
echo "a change" >"$work/change" && tar -C "$work" -cf "$work/change.tar" change
crane append --insecure -b "$registry/team/run:debian-12" -f "$work/change.tar" -t "$registry/team/run:debian-12.1"
kubectl patch clusterstack gantry --type merge -p "{\"spec\":{\"runImage\":{\"image\":\"$registry/team/run:debian-12.1\"}}}" >/dev/null
built 5 True
log_of rebase >/dev/null || fail "a new run image did not lead to a rebase"
git -C "$work/app" rm -q package.json server.js && echo nothing >"$work/app/readme.txt"
commit "empty"
built 6 False
log_of detect | grep "Not for Gantry" >/dev/null || fail "detect does not say why: $(log_of detect)"
step "a new buildpack was built with, a new run image rebased onto, and what is no application was refused by detect"
echo "All of it works."
