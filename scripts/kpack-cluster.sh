# Functions for scripts/kpack-test.sh: a Kubernetes of one node, with kpack, in a network namespace of its own. Everything
# that it needs is made of Go modules and Debian packages, and nothing of it reaches the network outside.
# Sourced; needs root, and $work and $bin.

kubernetes=1.35.4 kpack=0.17.1 crane=0.20.6
node=10.200.0.1
registry=$node:5000
namespace=gantry-kpack

# programs names the folder of the programs, under a key of their versions.
programs() {
  local key
  key=$(cat integration/kubernetes/go.* integration/kubernetes/*.go integration/kubernetes/*/*.go <(echo "$kubernetes $kpack $crane") | sha256sum | cut -c1-16)
  bin=${GANTRY_KUBERNETES:-${XDG_CACHE_HOME:-$HOME/.cache}/gantry/kubernetes-$key}
  export bin
}

# compile makes the programs once.
compile() {
  programs
  if [ -e "$bin/complete" ]; then return; fi
  echo "Compiling Kubernetes $kubernetes and kpack $kpack (once; about twenty minutes of processor time)"
  mkdir -p "$bin"
  export CGO_ENABLED=0
  (cd integration/kubernetes && go build -trimpath -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v$kubernetes" -o "$bin/kubernetes" . && go build -trimpath -ldflags "-s -w" -o "$bin/pause" ./pause)
  (cd "$(go mod download -json "github.com/pivotal/kpack@v$kpack" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')" && go build -trimpath -ldflags "-s -w" -o "$bin/" ./cmd/...)
  GOBIN=$bin go install -trimpath -ldflags "-s -w" "github.com/google/go-containerregistry/cmd/crane@v$crane"
  touch "$bin/complete"
}

within() { nsenter --net="/run/netns/$namespace" "$@"; }

# daemon starts a program in the namespace; its output is kept.
daemon() {
  local name=$1
  shift
  # Not "within": a function's process would be a shell's, and not the program's.
  nsenter --net="/run/netns/$namespace" "$@" >"$work/$name.log" 2>&1 &
  echo $! >>"$work/pids"
}

await() {
  local what=$1 seconds=$2
  shift 2
  local until=$((SECONDS + seconds))
  while [ "$SECONDS" -lt "$until" ]; do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.5
  done
  echo "It did not happen in $seconds seconds: $what" >&2
  return 1
}

kubectl() { within timeout 60 "$work/bin/kubectl" --kubeconfig "$work/kubeconfig" "$@"; }

start_network() {
  if [ -e "/run/netns/$namespace" ]; then
    echo "There is a network namespace $namespace already: another run is under way, or was ended hard (ip netns delete $namespace)." >&2
    exit 1
  fi
  ip netns add "$namespace"
  within sysctl -qw net.ipv4.ip_forward=1
  within ip link set lo up
  within ip addr add 10.96.0.1/32 dev lo
  within ip addr add "$node/32" dev lo
}

# crane tells of every blob: that is shown where it fails.
crane() { within "$bin/crane" "$@" >"$work/crane.log" 2>&1 || { cat "$work/crane.log" >&2; return 1; }; }

start_registry() {
  mkdir -p "$work/registry"
  daemon registry "$bin/crane" registry serve --address "$registry" --disk "$work/registry"
  await "the registry answers" 20 within curl -sf "http://$registry/v2/"
}

# image makes an image of files: image TAG ENTRYPOINT SOURCE=TARGET…
image() {
  local tag=$1 entry=$2 root
  shift 2
  root=$(mktemp -d -p "$work")
  for file in "$@"; do
    mkdir -p "$root/$(dirname "${file#*=}")"
    cp "${file%%=*}" "$root/${file#*=}"
  done
  mkdir -p "$root/tmp" && chmod 1777 "$root/tmp"
  tar -C "$root" --sort=name --mtime=@0 --owner=0 --group=0 -cf "$root.tar" .
  crane append --insecure --platform linux/amd64 -f "$root.tar" -t "$registry/$tag"
  crane mutate --insecure --set-platform linux/amd64 --entrypoint "$entry" --user 65532 -t "$registry/$tag" "$registry/$tag"
  rm -rf "$root" "$root.tar"
}

start_containerd() {
  mkdir -p "$work/cni" "$work/containerd"
  cat >"$work/cni/10-bridge.conflist" <<CNI
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "pods", "isGateway": true, "hairpinMode": true, "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
CNI
  cat >"$work/containerd.toml" <<TOML
version = 2
root = "$work/containerd/root"
state = "$work/containerd/state"
oom_score = 0
[grpc]
address = "$work/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "$registry/pause:1"
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "$work/cni"
[plugins."io.containerd.grpc.v1.cri".registry.mirrors."$registry"]
endpoint = ["http://$registry"]
TOML
  daemon containerd containerd --config "$work/containerd.toml"
  await "containerd answers" 20 test -S "$work/containerd.sock"
}

start_kubernetes() {
  mkdir -p "$work/bin" "$work/keys"
  for program in kube-apiserver kube-controller-manager kube-scheduler kubelet kubectl; do ln -sf "$bin/kubernetes" "$work/bin/$program"; done
  openssl genrsa -out "$work/keys/accounts.key" 2048 2>/dev/null
  echo "admin-token,admin,admin,system:masters" >"$work/keys/tokens.csv"
  daemon etcd etcd --data-dir "$work/etcd" --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380 --unsafe-no-fsync
  await "etcd answers" 20 within curl -sf http://127.0.0.1:2379/health
  daemon apiserver "$work/bin/kube-apiserver" --etcd-servers http://127.0.0.1:2379 --cert-dir "$work/keys" --secure-port 443 --advertise-address "$node" \
    --service-cluster-ip-range 10.96.0.0/16 --token-auth-file "$work/keys/tokens.csv" --authorization-mode RBAC --enable-aggregator-routing --kubelet-preferred-address-types InternalIP \
    --service-account-issuer https://kubernetes.default.svc --service-account-key-file "$work/keys/accounts.key" --service-account-signing-key-file "$work/keys/accounts.key"
  cat >"$work/kubeconfig" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://10.96.0.1:443", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: admin-token}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
YAML
  await "the API server is ready" 60 kubectl get --raw /readyz
  daemon controllers "$work/bin/kube-controller-manager" --kubeconfig "$work/kubeconfig" --service-account-private-key-file "$work/keys/accounts.key" --root-ca-file "$work/keys/apiserver.crt"
  daemon scheduler "$work/bin/kube-scheduler" --kubeconfig "$work/kubeconfig"
  cat >"$work/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $node
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
cgroupDriver: cgroupfs
containerRuntimeEndpoint: unix://$work/containerd.sock
failCgroupV1: false
failSwapOn: false
evictionHard: {memory.available: "1Mi", nodefs.available: "1%", imagefs.available: "1%", nodefs.inodesFree: "1%"}
imageGCHighThresholdPercent: 100
localStorageCapacityIsolation: false
podLogsDir: $work/pod-logs
resolvConf: ""
serializeImagePulls: false
YAML
  daemon kubelet "$work/bin/kubelet" --config "$work/kubelet.yaml" --kubeconfig "$work/kubeconfig" --root-dir "$work/kubelet" --node-ip "$node" --hostname-override node --cert-dir "$work/keys"
  await "the node is ready" 90 kubectl wait --for=condition=Ready node/node --timeout=1s
}

# start_kpack puts kpack's own manifests into the cluster, with its programs as images.
start_kpack() {
  local source program
  source=$(go mod download -json "github.com/pivotal/kpack@v$kpack" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  for program in controller webhook build-init build-waiter rebase completion; do
    image "kpack/$program:$kpack" "/cnb/process/$program" "$bin/$program=cnb/process/$program"
  done
  lifecycle_image
  for file in "$source"/config/*.yaml; do
    case $file in */schema.yaml) continue ;; esac
    sed -E "s|image: #@ data.values.([a-z_]+).image|image: $registry/kpack/\1:$kpack|; s|kpack/build_init|kpack/build-init|; s|kpack/build_waiter|kpack/build-waiter|; s|kpack/lifecycle:$kpack|kpack/lifecycle:1|; s|#@ data.values.kpack_version|\"$kpack\"|; s|#@ data.values.[a-z_.]+|\"\"|" "$file" | grep -v '^#@'
    echo "---"
  done >"$work/kpack.yaml"
  for _ in 1 2 3 4 5 6; do
    if kubectl apply --server-side -f "$work/kpack.yaml" >"$work/kpack-apply.log" 2>&1; then break; fi
    sleep 2
  done
  await "kpack runs" 90 kubectl -n kpack rollout status deployment/kpack-controller deployment/kpack-webhook --timeout=1s
}

# lifecycle_image has the lifecycle in its last layer, and says what it can.
lifecycle_image() {
  local root
  root=$(mktemp -d -p "$work")
  mkdir -p "$root/cnb/lifecycle"
  cp build/tools/lifecycle build/tools/launcher "$root/cnb/lifecycle/"
  for phase in analyzer builder creator detector exporter extender rebaser restorer; do ln -s lifecycle "$root/cnb/lifecycle/$phase"; done
  tar -C "$root" --sort=name --mtime=@0 --owner=0 --group=0 -cf "$root.tar" .
  crane append --insecure --platform linux/amd64 -f "$root.tar" -t "$registry/kpack/lifecycle:1"
  crane mutate --insecure --set-platform linux/amd64 -t "$registry/kpack/lifecycle:1" \
    --label 'io.buildpacks.builder.metadata={"lifecycle":{"version":"0.21.17","api":{"buildpack":"0.7","platform":"0.7"}}}' \
    --label io.buildpacks.lifecycle.version=0.21.17 \
    --label 'io.buildpacks.lifecycle.apis={"buildpack":{"deprecated":[],"supported":["0.7","0.8","0.9","0.10","0.11","0.12"]},"platform":{"deprecated":[],"supported":["0.7","0.8","0.9","0.10","0.11","0.12","0.13","0.14","0.15"]}}' \
    "$registry/kpack/lifecycle:1"
  rm -rf "$root" "$root.tar"
}

# The kubelet sets these for itself.
kept_sysctls="vm.overcommit_memory kernel.panic kernel.panic_on_oops"

stop_cluster() {
  set +e
  if [ -e "$work/kubeconfig" ]; then kubectl delete pods -A --all --grace-period=0 --force >/dev/null 2>&1; fi
  tac "$work/pids" 2>/dev/null | xargs -r kill 2>/dev/null
  sleep 2
  # What they started has the folder's name in its command, too.
  pkill -9 -f "$work"
  wait 2>/dev/null
  grep -o " $work[^ ]*" /proc/self/mountinfo | sort -r | xargs -r -n1 umount -l 2>/dev/null
  ip netns delete "$namespace" 2>/dev/null
  [ -e "$work/sysctls" ] && sysctl -q -p "$work/sysctls"
  rm -rf "$work"
}
