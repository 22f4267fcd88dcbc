# Sourced by the shell that completes: with a tab it says what it offers, and then forgets the line.
PS1= PS2= RPS1=
unsetopt zle_bracketed_paste prompt_cr prompt_sp beep list_beep
fpath=($@ $fpath)
autoload -Uz compinit && compinit -u -D
zstyle ':completion:*' completer _complete

compadd() {
    # With these it only fills arrays.
    if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
        builtin compadd "$@"
        return
    fi
    local -a offered
    builtin compadd -O offered "$@"
    ((!$#offered)) || print -rl -- "<word>"$^offered
    builtin compadd "$@"
}

offer() {
    print -r -- '<begin>'
    _main_complete
    compstate[insert]= compstate[list]=
}
zle -C offer complete-word offer

offer-and-forget() {
    zle offer
    print -r -- '<end>'
    BUFFER=
}
zle -N offer-and-forget
bindkey '^I' offer-and-forget
print -r -- '<ready>'
