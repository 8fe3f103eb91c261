#!/usr/bin/env bash
# Writes a summary of the build in Markdown, for the job's page and, with $COMMENT, as the one comment of Gantry on the pull request.
set -euo pipefail
work=$RUNNER_TEMP/gantry
report=$work/report.md

# block shows a file's lines as they are.
block() {
  printf '\n<details><summary>%s</summary>\n\n' "$1"
  sed 's/^/    /' "$2"
  printf '\n</details>\n'
}
# value is what the log says last under a word.
value() { sed -n "s/^  $1 \{1,\}//p" "$work/log" | tail -1; }

{
  echo "### Gantry: \`$IMAGE\`"
  echo
  if [ -n "$(value Image)" ]; then
    echo "| | |"
    echo "|---|---|"
    for word in Image Changed Done; do
      if [ -n "$(value "$word")" ]; then echo "| $word | $(value "$word" | sed 's/|/\\|/g') |"; fi
    done
  else
    echo "The build failed."
  fi
  if [ -s "$work/check" ]; then block "Configuration" "$work/check"; fi
  if [ -s "$work/diff" ]; then block "What the new image needs in addition" "$work/diff"; fi
  # A comment may have 65,536 characters.
  if [ -s "$work/log" ]; then
    tail -n 200 "$work/log" | tail -c 30000 >"$work/log.end"
    block "Log of the build (its end)" "$work/log.end"
  fi
} >"$report"
cat "$report" >>"$GITHUB_STEP_SUMMARY"
if [ "$COMMENT" = true ] && [ -n "${PULL_REQUEST:-}" ]; then
  gh pr comment "$PULL_REQUEST" --edit-last --create-if-none --body-file "$report" ||
    echo "::notice::the comment was not written: the job needs the permission pull-requests: write"
fi
