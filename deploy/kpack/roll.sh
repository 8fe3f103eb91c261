#!/usr/bin/env bash
# Rolls an application to the image that kpack has built last: roll.sh [NAME]. Run it after a push, or every minute: it does
# nothing when the Deployment has that image already. Exit code 1: the configuration does not fit, and nothing has changed.
set -euo pipefail
name=${1:-shop}
here=$(cd "$(dirname "$0")" && pwd)

image=$(kubectl get image.kpack.io "$name" -o jsonpath='{.status.latestImage}')
running=$(kubectl get deployment "$name" -o jsonpath='{.spec.template.spec.containers[?(@.name=="web")].image}')
if [ "$image" = "$running" ]; then exit 0; fi

job=$(sed "s|NEW_IMAGE|$image|g; s|shop|$name|g" "$here/roll.yaml" | kubectl create -f - -o name)
until status=$(kubectl get "$job" -o jsonpath='{.status.succeeded}{" "}{.status.failed}') && [ "$status" != " " ]; do sleep 1; done
if [ "$status" = "1 " ]; then
  kubectl rollout status "deployment/$name"
  exit 0
fi
echo "The configuration of $name does not fit $image; the Deployment stays as it is:" >&2
kubectl logs "$job" --container check >&2
exit 1
