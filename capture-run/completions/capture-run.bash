# capture-run(1) in bash, with bash-completion.

_capture_run() {
    local cur prev words cword split
    _init_completion -s || return

    # The first two words that are neither an option nor its value are LOG and STATUS; then comes the command.
    local at=1
    while ((at < cword)); do
        case ${words[at]} in
            --mode | --max-size | --mask | --mask-file | --output-error | --log-error | --result | --map-exit | \
                --timeout | --idle-timeout | -s | --signal | -k | --kill-after | --drain-timeout | --drain-max)
                ((at += 2))
                ;;
            --)
                ((at += 1))
                break
                ;;
            -*) ((at += 1)) ;;
            *) break ;;
        esac
    done
    if ((at + 1 < cword)); then
        ((at += 2))
        [[ $at -lt $cword && ${words[at]} == -- ]] && ((at += 1))
        _command_offset "$at"
        return
    elif ((at < cword)); then
        _filedir
        return
    fi

    case $prev in
        --mask-file | --result)
            _filedir
            return
            ;;
        --mask)
            mapfile -t COMPREPLY < <(compgen -e -- "$cur")
            return
            ;;
        --output-error)
            mapfile -t COMPREPLY < <(compgen -W 'warn warn-nopipe exit exit-nopipe' -- "$cur")
            return
            ;;
        --log-error)
            mapfile -t COMPREPLY < <(compgen -W 'warn fail' -- "$cur")
            return
            ;;
        -s | --signal)
            _signals
            return
            ;;
        --mode | --max-size | --map-exit | --timeout | --idle-timeout | -k | --kill-after | --drain-timeout | \
            --drain-max) return ;;
    esac
    $split && return

    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-a --append --mode --no-follow --max-size --timestamps --strip-ansi
            --mask --mask-file --output-error --log-error --result --result-argv --map-exit --timeout --idle-timeout
            -s --signal -k --kill-after --foreground --kill-tree --drain-timeout --drain-max -h --help -V
            --version' -- "$cur")
    else
        _filedir
    fi
} && complete -F _capture_run capture-run
