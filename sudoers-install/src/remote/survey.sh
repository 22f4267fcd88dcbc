# shellcheck shell=sh disable=SC2154 # with facts.sh and helper.sh before it
# NONCE HELPER GRANTEE: what the login itself can tell of its host. Changes nothing.
exec </dev/null
cd / || exit 1

nonce=$1
helper=$2
login=$(id -un)
uid=$(id -u)
grantee=${3:-$login}
grantee_uid=$(id -u -- "$grantee" 2>/dev/null) || grantee_uid=''
sudo=$(first /usr/bin/sudo /bin/sudo /usr/local/bin/sudo)
visudo=$(first /usr/sbin/visudo /usr/bin/visudo /sbin/visudo /usr/local/sbin/visudo)
system=$(sed -n 's/^PRETTY_NAME=//p' /etc/os-release 2>/dev/null | tr -d '"')

version=''
passwordless=no
if [ -n "$sudo" ]; then
  version=$(limited "$sudo" --version 2>&1 | head -n 1)
  limited "$sudo" -k -n -- /bin/sh -c : >/dev/null 2>&1 && passwordless=yes
fi

examine "$helper"

probe=unasked
said=''
if [ "$grantee_uid" = "$uid" ]; then
  probe=no
  if [ "$fault" = good ] && [ -n "$sudo" ]; then
    said=$(limited "$sudo" -k -n -- "$helper" probe "$nonce" 2>&1 | head -c "$most_output")
    proves "$said" "$nonce" "$helper" "$helper_sha256" && probe=yes
  fi
fi

if [ ! -d /etc/sudoers.d ]; then
  folder=missing
elif [ -r /etc/sudoers.d ] && [ -x /etc/sudoers.d ]; then
  folder=readable
else
  folder=unreadable
fi

printf 'sudoers-install %s begin\n' "$nonce"
text login "$login"
word uid "$uid"
text grantee "$grantee"
word grantee_uid "$grantee_uid"
text system "$(uname -sr) $system"
text sudo "$sudo"
text sudo_version "$version"
text visudo "$visudo"
word helper "$fault"
text helper_at "$at"
word helper_sha256 "$helper_sha256"
word passwordless "$passwordless"
word probe "$probe"
text probe_words "$said"
word folder "$folder"
text legacy "$(legacy_names)"
printf 'sudoers-install %s end\n' "$nonce"
