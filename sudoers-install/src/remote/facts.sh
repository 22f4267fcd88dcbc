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
  printf '%s=' "$1"
  # shellcheck disable=SC2046 # as many words as od(1) makes, in one
  printf %s $(printf %s "$2" | od -An -v -tx1 -N "$most_fact")
  echo
}

# KEY VALUE: a fact whose value is a word of ours, digits, or empty.
word() {
  printf '%s=%s\n' "$1" "$2"
}

# PATH…: found is the first that is a program, or empty.
first() {
  for found in "$@" ''; do
    if [ -f "$found" ] && [ -x "$found" ]; then return; fi
  done
}

# What bounds the time of a program, asked for once, with a question that has to be asked anyway.
if own_uid=$(timeout -k 2 "$limit" id -u 2>/dev/null); then
  bound="timeout -k 2 $limit"
elif own_uid=$(timeout "$limit" id -u 2>/dev/null); then
  bound="timeout $limit"
else
  bound=''
  own_uid=$(id -u)
fi
readonly bound own_uid

# COMMAND…: the subshell gives way to it: within the limit where timeout(1) is known, without the lock and what
# comes from the other side, and in a session of its own where apart is setsid(1).
limited() {
  # shellcheck disable=SC2086 # its words
  exec $apart $bound "$@" 3<&- 9<&-
}

# Sets legacy_names, of the files that systems-manager-helper's installer wrote, one a line.
find_legacy() {
  legacy_names=''
  set +f
  for old in /etc/sudoers.d/systems-manager-*; do
    if [ -e "$old" ] || [ -L "$old" ]; then
      legacy_names=$legacy_names${legacy_names:+$newline}${old##*/}
    fi
  done
  set -f
}
