# shellcheck shell=sh disable=SC2154,SC2034 # with the other scripts around it
# Our file and its folder: whose they are, what it holds, how it is written (drop_in.rs, transaction/).
readonly units=/etc/systemd/system
readonly lock_file=/run/ssm-keepalive.lock
readonly lock_seconds=30
readonly most_bytes=1048576 # of a file that is read
readonly most_files=256     # that a unit may have
marker="# Written by ssm-keepalive, see ssm-keepalive(8); 'ssm-keepalive remove' takes it back."

temporary=''
pending=no
folder=''
target=''

# PATH KIND: whether it is of that kind and root's alone to write; sets mode and, when it is not, fault.
element() {
  fault="$1 is no folder, and it is left alone"
  if [ "$2" = - ]; then fault="$1 is no regular file, and it is left alone"; fi
  listing=$(ls -ldn -- "$1") || return 1
  at=$1
  kind=$2
  # Mode, links, owner, and more.
  # shellcheck disable=SC2086
  set -- $listing
  mode=$1
  case $mode in
    "$kind"*) ;;
    *) return 1 ;;
  esac
  fault="$at does not belong to root"
  if [ "$3" != 0 ]; then return 1; fi
  # With an access list the group's bits are its mask (acl(5)).
  fault="$at can be written by others than root"
  case $mode in
    ?????w*|????????w*) return 1 ;;
  esac
}

# Only root can change what is in the folder of the units.
trust_units() {
  for place in / /etc /etc/systemd "$units"; do
    element "$place" d || refuse folder "$fault"
  done
}

# The lock of a file that nobody but root can open; it ends with this process.
lock() {
  element /run d || refuse lock "$fault"
  (set -C; umask 077; : >"$lock_file")
  element "$lock_file" - || refuse lock "$fault"
  case $mode in
    ????------*) ;;
    *) refuse lock "$lock_file is no file that only root can open: others could hold its lock; remove it" ;;
  esac
  # Not every shell ends where this fails.
  exec 9<"$lock_file" || refuse lock "$lock_file cannot be opened"
  tries=0
  # Some shells hand no descriptor on but those of the command's own.
  until flock -n 8 8<&9; do
    if [ "$?" != 1 ]; then refuse tools 'flock(1) of util-linux or busybox does not work here'; fi
    tries=$((tries + 1))
    if [ "$tries" -gt "$lock_seconds" ]; then
      refuse busy "another run holds the lock of $lock_file: try again when it has ended"
    fi
    sleep 1
  done
}

durable() {
  sync "$1" || sync
}

# PATH: size is its length in bytes, empty when that cannot be told.
measure() {
  size=$(wc -c <"$1") || size=''
  case $size in
    ''|*[!0-9\ ]*) size='' ;;
    *) size=$((size)) ;;
  esac
  [ -n "$size" ]
}

# PATH: held is all that it holds, without NUL.
hold() {
  held=$(cat "$1" && printf %s "$nonce") || return 1
  case $held in
    *"$nonce") held=${held%"$nonce"} ;;
    *) return 1 ;;
  esac
}

# LINE WHY: the file is left alone.
leave() {
  present=foreign
  unfit=foreign-file
  why="$target is left alone: line $1: $2; move what is yours to another *.conf beside it"
}

# The same for one that cannot be read.
pass_over() {
  present=foreign unfit=folder why="$target cannot be read"
  return 1
}

# UNIT: sets folder, target, present (absent, ours, hand, foreign), previous, the text that is there, and its mode; of
# ours its span and the mode of the file that it has kept. It fails where that cannot be told.
look() {
  folder=$units/$1.d
  target=$folder/restart.conf
  present=absent unfit='' why='' previous='' previous_mode=0644 ours_span='' kept_mode=''
  if [ ! -e "$folder" ] && [ ! -L "$folder" ]; then return; fi
  if ! element "$folder" d; then
    present=foreign unfit=folder why=$fault
    return
  fi
  if [ ! -e "$target" ] && [ ! -L "$target" ]; then return; fi
  if ! element "$target" -; then
    present=foreign unfit=foreign-file why=$fault
    return
  fi
  # A mode that others than ours have is kept, too.
  case $mode in
    -rw-r--r--*) ;;
    *)
      ask mode "$mode" || pass_over || return
      previous_mode=${reading%"$newline"}
      ;;
  esac
  measure "$target" || pass_over || return
  if [ "$size" -gt "$most_bytes" ]; then
    leave 1 'it is larger than 1 MiB'
    return
  fi
  hold "$target" || pass_over || return
  previous=$held
  # No shell holds a NUL.
  if [ "${#previous}" -lt "$size" ]; then
    leave 1 'it has a control character'
    return
  fi
  ask judge "$previous" || pass_over || return
  judged=${reading%"$newline"}
  case $judged in
    ours\ *)
      present=ours
      judged=${judged#ours }
      ours_span=${judged#* }
      kept_mode=${judged%% *}
      if [ "$kept_mode" = - ]; then kept_mode=''; fi
      ;;
    hand) present=hand ;;
    foreign\ *)
      judged=${judged#foreign }
      leave "${judged%% *}" "${judged#* }"
      ;;
    *) pass_over ;;
  esac
}

# PATH…: removes the temporary files that killed runs have left for these.
sweep_of() {
  set +f
  for path in "$@"; do
    for left in "$path".*.tmp; do
      digits=${left#"$path".}
      case ${digits%.tmp} in
        ''|*[!0-9]*) ;;
        *) rm -f "$left" ;;
      esac
    done
  done
  set -f
}

sweep() {
  sweep_of "$folder/.restart.conf"
}

open_folder() {
  if [ ! -d "$folder" ]; then
    made=$(mkdir -m 0755 "$folder" 2>&1) || refuse folder "$made"
    durable "$units"
  fi
  element "$folder" d || refuse folder "$fault"
  sweep
}

# TEXT MODE: our temporary file, which is new, holds all of it. chown(2) may take bits of the mode away.
fill() {
  set -C
  { printf %s "$1" >"$temporary"; } && chown 0:0 "$temporary" && chmod "$2" "$temporary" && durable "$temporary" &&
    hold "$temporary" && [ "$held" = "$1" ]
}

# TEXT MODE: the file holds it, whole and durable, or is as it was; why says what stood against it.
put() {
  temporary=$folder/.restart.conf.$$.tmp
  if why=$(fill "$1" "$2" 2>&1) && why=$(mv -f "$temporary" "$target" 2>&1); then
    temporary=''
    if durable "$folder"; then return 0; fi
    why="sync(1) of $folder fails"
    return 1
  fi
  why="$target cannot be written: $why"
  rm -f "$temporary"
  return 1
}

# The file is again what it was before.
put_back() {
  if hold "$target" && [ "$held" = "$previous" ]; then return 0; fi
  { [ -d "$folder" ] || mkdir -m 0755 "$folder"; } && put "$previous" "$previous_mode"
}

clear_folder() {
  if rmdir "$folder"; then durable "$units"; fi
}

# What is not proven goes, and what was there is back.
take_back() {
  pending=no
  back=yes
  if [ "$was" != absent ]; then
    put_back || back=no
  elif [ -e "$target" ]; then
    { rm -f "$target" && durable "$folder"; } || back=no
  fi
  clear_folder
  shown=''
  if [ "$back" = yes ] && systemd daemon-reload; then
    changed=no
    words="$words; the state before is back"
  else
    code=not-reverted
    words="$words; and the state before could not be put back"
  fi
}
