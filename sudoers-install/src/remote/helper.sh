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

# PATH…: the same for all of them, folders and at the end a file, of which ls(1) tells at once. It sorts them by
# name: so a folder has to stand before what it holds.
elements() {
  lines=$(ls -ldn -- "$@" 2>/dev/null)$newline
  while [ "$#" -gt 1 ]; do
    listed "$1" d "${lines%%"$newline"*}" || return 1
    lines=${lines#*"$newline"}
    shift
  done
  listed "$1" - "${lines%%"$newline"*}"
}

# FILE: digest is its SHA-256, or empty.
sha256_of() {
  digest=$(sha256sum <"$1" 2>/dev/null) || digest=''
  digest=${digest%% *}
}

# PATH: sets fault (`good` when there is none), at, and helper_sha256.
examine() {
  helper_sha256=''
  judge "$1"
  if [ "$fault" = good ]; then
    sha256_of "$1"
    helper_sha256=$digest
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
  elements "$@" "$program" || return 0
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
