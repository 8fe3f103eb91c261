# For other scripts to source: Go does not name each of hundreds of modules that it downloads; 3 is the unfiltered output.
exec 3>&2 2> >(grep --line-buffered -v '^go: downloading ' >&2 || true)
filter=$!
trap 'exec 2>&3; wait "$filter"' EXIT
