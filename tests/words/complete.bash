# complete.bash FILE...: what bash offers, with these completions, after each line of standard input.
# For every line the words, one a line, and an empty line.
# shellcheck source=/dev/null
source /usr/share/bash-completion/bash_completion
for file; do
    # shellcheck source=/dev/null
    source "$file"
done

while IFS= read -r COMP_LINE; do
    COMP_POINT=${#COMP_LINE}
    read -ra COMP_WORDS <<<"$COMP_LINE"
    [[ $COMP_LINE != *' ' ]] || COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    COMPREPLY=()
    function=$(complete -p "${COMP_WORDS[0]}" | sed 's/.* -F \([^ ]*\) .*/\1/')
    # compopt is only for the shell's own call.
    "$function" "${COMP_WORDS[0]}" "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}" 2>/dev/null
    ((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"
    echo
done
