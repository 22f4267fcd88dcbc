# shellcheck shell=sh disable=SC2154,SC2034 # with facts.sh before it; the scripts after it use what it sets
# The program that the rule names: whose it is, what it holds, what it answers.

# PATH KIND: whether an element of a path is root's; sets at and, when not, fault.
element() {
  listed "$1" "$2" "$(ls -ldn -- "$1" 2>/dev/null)"
}

# PATH KIND LISTING: the same, by its line of ls(1), or none.
listed() {
  at=$1
  kind=$2
  listing=$3
  if [ -L "$at" ]; then
    fault=symlink
    return 1
  fi
  # That of another element is none of this one's.
  case $listing in
    *" $at") ;;
    *) listing='' ;;
  esac
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
  helper_sha256=''
  judge "$1"
  if [ "$fault" = good ]; then
    helper_sha256=$(sha256sum <"$program" 2>/dev/null) || helper_sha256=''
    helper_sha256=${helper_sha256%% *}
  fi
}

# PATH: sets fault (`good` when there is none), and at.
judge() {
  fault=good
  program=$1
  folder=''
  rest=${program#/}
  set -- /
  while [ "$rest" != "${rest#*/}" ]; do
    folder=$folder/${rest%%/*}
    rest=${rest#*/}
    set -- "$@" "$folder"
  done
  # A line for each that is there; by name, so that a folder stands before what it holds.
  lines=$(ls -ldn -- "$@" "$program" 2>/dev/null)$newline
  for folder in "$@"; do
    listed "$folder" d "${lines%%"$newline"*}" || return 0
    lines=${lines#*"$newline"}
  done
  listed "$program" - "${lines%%"$newline"*}" || return 0
  if [ "$links" != 1 ]; then
    fault=links
    return 0
  fi
  case $mode in
    ???[xs]*) ;;
    *) fault=mode ;;
  esac
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
