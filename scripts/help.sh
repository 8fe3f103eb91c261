# For the other scripts, which source this: the comment at a script's head is its help, and words that it does not know are refused.
usage() { sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"; }
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
  echo "$(basename "$0"): \"$1\" is not understood" >&2
  usage >&2
  exit 2
}
