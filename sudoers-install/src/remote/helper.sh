# shellcheck shell=sh disable=SC2034 # the scripts after it use what it sets
# The program that the rule names: whose it is, what it holds, what it answers.

# PATH KIND: whether an element of a path is root's; sets at and, when not, fault.
element() {
  at=$1
  kind=$2
  if [ -L "$at" ]; then
    fault=symlink
    return 1
  fi
  listing=$(ls -ldn -- "$at" 2>/dev/null) || listing=''
  # Mode, links, owner, and more.
  # shellcheck disable=SC2086
  set -- $listing
  if [ "$#" -lt 3 ]; then
    fault=missing
    return 1
  fi
  case $1 in
    "$kind"*) ;;
    *) fault=kind && return 1 ;;
  esac
  if [ "$3" != 0 ]; then
    fault=owner
    return 1
  fi
  # With an access list the group's bits are its mask (acl(5)).
  case $1 in
    ?????w*|????????w*) fault=writable && return 1 ;;
  esac
  links=$2
  mode=$1
}

# PATH: sets fault (`good` when there is none), at, and helper_sha256.
examine() {
  fault=good
  helper_sha256=''
  element / d || return 0
  folder=''
  rest=${1#/}
  while [ "$rest" != "${rest#*/}" ]; do
    folder=$folder/${rest%%/*}
    rest=${rest#*/}
    element "$folder" d || return 0
  done
  element "$1" - || return 0
  if [ "$links" != 1 ]; then
    fault=links
    return 0
  fi
  case $mode in
    ???[xs]*) ;;
    *) fault=mode && return 0 ;;
  esac
  helper_sha256=$(sha256sum <"$1" 2>/dev/null) || helper_sha256=''
  helper_sha256=${helper_sha256%% *}
}

# TEXT NONCE PATH SHA256: whether that is the helper's answer to this question.
proves() {
  for part in '"success":true' "\"nonce\":\"$2\"" "\"path\":\"$3\"" "\"sha256\":\"$4\""; do
    case $1 in
      *"$part"*) ;;
      *) return 1 ;;
    esac
  done
}
