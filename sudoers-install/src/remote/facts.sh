# shellcheck shell=sh disable=SC2034 # the scripts after it use what it sets
# What both scripts begin with: surroundings, the lines of an answer, bounded programs.
set -uf
umask 077
unset IFS ENV BASH_ENV CDPATH
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL

readonly limit=10           # seconds for a program that could wait for something
readonly most_output=65536  # bytes that are read of one
readonly most_fact=16384    # bytes of a fact
newline='
'
apart=''

# KEY VALUE: a fact whose value is any text.
text() {
  printf '%s=' "$1"
  printf %s "$2" | od -An -v -tx1 -N "$most_fact" | tr -d ' \n'
  echo
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

# COMMAND…: within the limit where timeout(1) is known, without the lock, and in a session of its own where
# apart is setsid(1).
limited() {
  if timeout -k 2 "$limit" true 2>/dev/null; then
    $apart timeout -k 2 "$limit" "$@" 9<&-
  elif timeout "$limit" true 2>/dev/null; then
    $apart timeout "$limit" "$@" 9<&-
  else
    $apart "$@" 9<&-
  fi
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
