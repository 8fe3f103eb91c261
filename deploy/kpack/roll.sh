#!/usr/bin/env bash
# Rolls an application to the image that kpack has built last: roll.sh [NAME]. Run it after a push, or every minute: it waits for a build that runs, and does
# nothing when the Deployment has that image already.
#
# ROLL_TIMEOUT is how many seconds each of its steps may take (900). Exit codes: 0 rolled, or nothing to do; 1 the configuration does not fit, and nothing
# has changed; 2 something else stopped it, and it says what.
set -euo pipefail
name=${1:-shop}
limit=${ROLL_TIMEOUT:-900}
here=$(cd "$(dirname "$0")" && pwd)

stop() {
  echo "roll.sh: $1" >&2
  exit 2
}

kubectl get image.kpack.io "$name" >/dev/null || stop "there is no image $name here: apply image.yaml, or give kubectl its namespace"
kubectl get deployment "$name" >/dev/null || stop "there is no Deployment $name: apply deployment.yaml"
if ! kubectl wait --for=condition=Ready "image.kpack.io/$name" --timeout="${limit}s" >/dev/null; then
  build=$(kubectl get image.kpack.io "$name" -o jsonpath='{.status.latestBuildRef}')
  stop "there is no new image: $(kubectl get image.kpack.io "$name" -o jsonpath='{.status.conditions[?(@.type=="Ready")].message}')
The log of its build: kubectl logs ${build:-$name}-build-pod --all-containers"
fi
image=$(kubectl get image.kpack.io "$name" -o jsonpath='{.status.latestImage}')
if [ -z "$image" ]; then stop "kpack has built no image of $name yet"; fi
running=$(kubectl get deployment "$name" -o jsonpath='{.spec.template.spec.containers[?(@.name=="web")].image}')
if [ "$image" = "$running" ]; then exit 0; fi

job=$(sed "s|shop|$name|g; s|NEW_IMAGE|$image|g; s|JOB_SECONDS|$((2 * limit))|" "$here/roll.yaml" | kubectl create -f - -o name)
status=
for _ in $(seq "$limit"); do
  status=$(kubectl get "$job" -o jsonpath='{.status.succeeded}/{.status.failed}')
  if [ "$status" != / ]; then break; fi
  sleep 1
done
if [ "$status" = 1/ ]; then
  kubectl rollout status "deployment/$name" --timeout="${limit}s" || stop "$image does not become ready: kubectl describe pods -l app=$name"
  exit 0
fi

# Why did the job not end well? The exit code of its first container alone says that the configuration does not fit.
of_pod() { kubectl get pods -l "job-name=${job##*/}" -o jsonpath="$1"; }
waiting() { of_pod "{range .items[0].status.$1[*]}{.state.waiting.reason}{\" \"}{.state.waiting.message}{end}" | sed 's/^ *$//'; }
code=$(of_pod '{.items[0].status.initContainerStatuses[?(@.name=="check")].state.terminated.exitCode}')
case $code in
  1) why=$(kubectl logs "$job" --container check) ;;
  0) why=$(waiting containerStatuses) && why="the configuration fits, but the Deployment could not be changed: ${why:-$(kubectl logs "$job" --container roll 2>&1 | tail -5)}" ;;
  '') why=$(waiting initContainerStatuses) && why="$job did not start within $limit s: ${why:-$(kubectl describe "$job" | tail -3)}" ;;
  *) why="$image could not be checked: $(kubectl logs "$job" --container check 2>&1 | tail -5)" ;;
esac
# A job that is late must not roll afterwards.
if [ "$status" = / ]; then kubectl delete "$job" >/dev/null; fi
if [ "$code" != 1 ]; then stop "$why"; fi
printf 'The configuration of %s does not fit %s; the Deployment stays unchanged:\n%s\n' "$name" "$image" "$why" >&2
exit 1
