# For the other scripts, which source this first: the comment at a script's head is its help, and words that it does not know are refused.
script=$(readlink -f "$0")
usage() { sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$script"; }
for word in "$@"; do
  case $word in
    -h | --help)
      usage
      exit 0
      ;;
    --) break ;;
  esac
done

refuse() {
  printf '%s: "%s" is not understood\n\n' "$(basename "$script")" "$1" >&2
  usage >&2
  exit 2
}

# nothing refuses all words.
nothing() { if [ $# -gt 0 ]; then refuse "$1"; fi; }

# words refuses all but so many: words LEAST MOST "$@".
words() {
  local least=$1 most=$2
  shift 2
  for word in "$@"; do
    case $word in -?*) refuse "$word" ;; esac
  done
  if [ $# -gt "$most" ]; then refuse "${*: -1}"; fi
  if [ $# -lt "$least" ]; then
    usage >&2
    exit 2
  fi
}
