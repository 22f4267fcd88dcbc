# shellcheck shell=sh disable=SC2154,SC2034 # with facts.sh before it; the scripts after it use what it sets
# Whether sudo takes a name for another account, too: as account.rs has it.

# NAME UID: sets known, another name by which sudo knows the uid, and alike, that of another account which
# differs in capitals alone; empty when there is none. One pass of /etc/passwd, for rows that could matter; fails
# when that cannot be made.
namesakes() {
  known=''
  alike=''
  # Of other names no rule is made: it has the uid (user_token.rs).
  case $1 in
    ''|*[!a-z0-9_.@\$-]*) return ;;
  esac
  pattern=''
  rest=$1
  while [ "$rest" != "${rest#*[.\$]}" ]; do
    pattern=$pattern${rest%%[.\$]*}
    rest=${rest#"${rest%%[.\$]*}"}
    pattern="${pattern}[${rest%"${rest#?}"}]"
    rest=${rest#?}
  done
  number='(0|[1-9][0-9]{0,9})'
  either="$pattern$rest:[^:]*:$number|[^-+#:[:space:]][^:]*:[^:]*:$2"
  rows=$(grep -iE "^[[:space:]]*($either):$number:[^:]*:[^:]*:[^:]*\$" /etc/passwd) || [ "$?" = 1 ] || return 1
  IFS=$newline
  for row in $rows; do
    name=${row%%:*}
    name=${name#"${name%%[![:space:]]*}"}
    row=${row#*:*:}
    if [ "${row%%:*}" = "$2" ]; then
      known=${known:-$name}
    elif [ "$name" != "$1" ]; then
      alike=${alike:-$name}
    fi
  done
  unset IFS
  # It is the first row of a uid that counts (getpwuid(3)).
  if [ "$known" = "$1" ]; then known=''; fi
}
