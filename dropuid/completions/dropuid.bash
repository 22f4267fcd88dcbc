# dropuid(1) in bash, with bash-completion.

_dropuid() {
    local cur prev words cword split
    # user:group and --option=value are one word each.
    _init_completion -s -n : || return

    # The first word that is neither an option nor its value is USER; then comes the command.
    local at=1
    while ((at < cword)); do
        case ${words[at]} in
            --drop-groups | --env-file | --env-file-if-exists | --env-allow | --keep-env | --keep-fd) ((at += 2)) ;;
            --)
                ((at += 1))
                break
                ;;
            -*) ((at += 1)) ;;
            *) break ;;
        esac
    done
    if ((at < cword)); then
        ((at += 1))
        [[ $at -lt $cword && ${words[at]} == -- ]] && ((at += 1))
        _command_offset "$at"
        return
    fi

    # What stands before the last comma of a list.
    local done=
    [[ $cur == *,* ]] && done=${cur%,*},
    case $prev in
        --env-file | --env-file-if-exists)
            _filedir
            return
            ;;
        --drop-groups)
            mapfile -t COMPREPLY < <(compgen -P "$done" -g -- "${cur##*,}")
            return
            ;;
        --keep-env)
            mapfile -t COMPREPLY < <(compgen -P "$done" -e -- "${cur##*,}")
            return
            ;;
        --env-allow | --keep-fd) return ;;
    esac
    $split && return

    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '--wait --no-new-privs --drop-groups --env-file --env-file-if-exists
            --env-allow --clear-env --keep-env --keep-fd --own-stdio --new-session --share-tty --verbose --explain
            --json -h --help -V --version' -- "$cur")
    else
        _usergroup
    fi
} && complete -F _dropuid dropuid
