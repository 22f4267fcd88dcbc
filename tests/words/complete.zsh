# complete.zsh FILE...: what zsh offers, with these completions, after each line of standard input,
# in a terminal as people have one. For every line the words, one a line, and an empty line.
zmodload zsh/zpty
folders=(${@:A:h})
zpty shell zsh -f -i
zpty -w shell "source ${(q)0:A:h}/offers.zsh $folders"
zpty -r shell said '*<ready>*'
while IFS= read -r line; do
    zpty -w -n shell "$line"$'\t'
    zpty -r shell said '*<begin>*<end>*'
    for word in ${(f)${said#*<begin>}//$'\r'/}; do
        [[ $word != '<word>'* ]] || print -r -- "${word#<word>}"
    done
    print
done
zpty -d shell
