# complete.fish FILE...: what fish offers, with these completions, after each line of standard input.
# For every line the words, one a line, and an empty line.
for file in $argv
    source $file
end
while read -l line
    complete -C "$line" | string replace -r '\t.*' ''
    echo
end
