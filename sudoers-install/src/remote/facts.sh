# shellcheck shell=sh disable=SC2034 # the scripts after it use what it sets
# What both scripts begin with: surroundings, the lines of an answer, bounded programs.
set -uf
umask 077
unset IFS ENV BASH_ENV CDPATH TMOUT
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL

readonly limit=10           # seconds for a program that could wait for something
readonly most_output=65536  # bytes that are read of one
readonly most_fact=16384    # bytes of a fact
newline='
'
apart=''

# KEY VALUE: a fact whose value is any text: after a colon when it is plain, else in digits.
text() {
  case $2 in
    *[!A-Za-z0-9\ ./_\(\)-]*) ;;
    *)
      if [ "${#2}" -le "$most_fact" ]; then
        printf '%s=:%s\n' "$1" "$2"
        return
      fi
      ;;
  esac
  # shellcheck disable=SC2046 # as many words as od(1) makes, in one
  printf '%s=%s\n' "$1" "$(printf %s $(printf %s "$2" | od -An -v -tx1 -N "$most_fact"))"
}

# KEY VALUE: a fact whose value is a word of ours, digits, or empty.
word() {
  printf '%s=%s\n' "$1" "$2"
}

# PATH…: the first that is a program.
first() {
  for candidate in "$@"; do
    if [ -f "$candidate" ] && [ -x "$candidate" ]; then
      printf %s "$candidate"
      return
    fi
  done
}

# What bounds the time of a program, asked for once.
if timeout -k 2 "$limit" true 2>/dev/null; then
  bound="timeout -k 2 $limit"
elif timeout "$limit" true 2>/dev/null; then
  bound="timeout $limit"
else
  bound=''
fi
readonly bound

# COMMAND…: within the limit where timeout(1) is known, without the lock and what comes from the other side,
# and in a session of its own where apart is setsid(1).
limited() {
  # shellcheck disable=SC2086 # its words
  $apart $bound "$@" 3<&- 9<&-
}

# Names of the files that systems-manager-helper's installer wrote, one a line.
legacy_names() {
  set +f
  for file in /etc/sudoers.d/systems-manager-*; do
    if [ -e "$file" ] || [ -L "$file" ]; then
      printf '%s\n' "${file##*/}"
    fi
  done
  set -f
}
