# shellcheck shell=sh disable=SC2154 # with facts.sh, account.sh and helper.sh before it
# NONCE HELPER GRANTEE: what the login itself can tell of its host. Changes nothing by itself.
#
# Descriptor 3 is what comes from the other side: nothing before the answer is there.
exec 3<&0 </dev/null
cd / || exit 1

nonce=$1
helper=$2
login=$(id -un)
uid=$own_uid
grantee=${3:-$login}
grantee_uid=$(id -u -- "$grantee" 2>/dev/null) || grantee_uid=''
namesakes "$grantee" "$grantee_uid"
first /usr/bin/sudo /bin/sudo /usr/local/bin/sudo
sudo=$found
first /usr/sbin/visudo /usr/bin/visudo /sbin/visudo /usr/local/sbin/visudo
visudo=$found

passwordless=no
if [ -n "$sudo" ]; then
  (limited "$sudo" -k -n -- /bin/sh -c : >/dev/null 2>&1) && passwordless=yes
fi

judge "$helper"
find_legacy

printf 'sudoers-install %s begin\n' "$nonce"
text login "$login"
word uid "$uid"
text grantee "$grantee"
word grantee_uid "$grantee_uid"
text known "$known"
text alike "$alike"
text sudo "$sudo"
text visudo "$visudo"
word helper "$fault"
text helper_at "$at"
word passwordless "$passwordless"
text legacy "$legacy_names"
printf 'sudoers-install %s end\n' "$nonce"

# LENGTH INPUT: so many bytes are the command line to run next; its last line is a comment of ours, so that none
# that was cut off is run. Its input, a line or none, is not sent before the other side knows that nothing else
# reads it.
IFS=' ' read -r length input <&3 || exit 0
command=$(head -c "$length" <&3)
case $command in
  *"$newline#$nonce") ;;
  *) exit 1 ;;
esac
printf 'sudoers-install %s ready\n' "$nonce"
# A line to go on: sudo counts a password that does not come as a wrong one, so it is not started before.
IFS= read -r go <&3 && [ "$go" = go ] || exit 0
if [ "$input" = line ]; then exec <&3; fi
exec 3<&-
exec /bin/sh -c "$command"
