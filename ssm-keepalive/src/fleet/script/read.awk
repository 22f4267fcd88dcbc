# What unit files and ours say, by task: span, late, decide, mode, watched, judge,
# record, quote, kept. Input and output end in the word `end`. It stands in single quotes.

function trimmed(text) {
  sub(/^[ \t\r]+/, "", text)
  sub(/[ \t\r]+$/, "", text)
  return text
}

# Digits as a number: that of busybox reads 010 as octal.
function decimal(digits) {
  sub(/^0+/, "", digits)
  return digits + 0
}

# A span of time in microseconds as span.rs reads it; -1 never ends, -2 is none.
function micros(text,    total, number, fraction, unit, place, i) {
  text = trimmed(text)
  if (text == "infinity" || text == "18446744073709551615us") return -1
  if (text == "") return -2
  total = 0
  while (text != "") {
    if (!match(text, /^[0-9]+/)) return -2
    number = decimal(substr(text, 1, RLENGTH))
    text = substr(text, RLENGTH + 1)
    fraction = ""
    if (match(text, /^\.[0-9]*/)) {
      fraction = substr(text, 2, RLENGTH - 1)
      text = substr(text, RLENGTH + 1)
    }
    sub(/^[ \t]+/, "", text)
    unit = "s"
    if (match(text, /^[A-Za-z]+/)) {
      unit = substr(text, 1, RLENGTH)
      text = substr(text, RLENGTH + 1)
    }
    if (!(unit in lengths)) return -2
    place = lengths[unit]
    total += number * place
    for (i = 1; i <= length(fraction); i++) {
      place = int(place / 10)
      total += substr(fraction, i, 1) * place
    }
    if (total > 18e18) return -2
    sub(/^[ \t]+/, "", text)
  }
  return total
}

# The same as span.rs prints it; empty for what is none.
function span(text,    left, shown, count, i) {
  left = micros(text)
  if (left == -2) return ""
  if (left == -1) return "infinity"
  if (left == 0) return "0"
  shown = ""
  for (i = 1; i <= units; i++) {
    count = int(left / lengths[unit_names[i]])
    left -= count * lengths[unit_names[i]]
    if (count > 0) shown = shown (shown == "" ? "" : " ") sprintf("%.0f", count) unit_names[i]
  }
  return shown
}

function unit_is(length_of, words,    i, count, names) {
  count = split(words, names, " ")
  unit_names[++units] = names[1]
  for (i = 1; i <= count; i++) lengths[names[i]] = length_of
}

# decide: the last assignment of each key that systemd can read, as KEY LINE VALUE (precedence.rs).
function assigned(key, value,    name) {
  name = section "." key
  if (name == "Service.Restart") {
    if (value ~ /^(no|on-success|on-failure|on-abnormal|on-watchdog|on-abort|always)$/) found["Restart"] = begun " " value
  } else if (name == "Service.RestartSec") {
    if (span(value) != "") found["RestartSec"] = begun " " span(value)
  } else if (name == "Service.RestartSteps") {
    if (value !~ /^[+]?[0-9]+$/) return
    sub(/^[+]/, "", value)
    if (decimal(value) < 4294967296) found["RestartSteps"] = begun " " sprintf("%.0f", decimal(value))
  } else if (name ~ /^(Unit.StartLimitIntervalSec|Unit.StartLimitInterval|Service.StartLimitInterval)$/) {
    if (span(value) != "") found["StartLimitIntervalSec"] = begun " " span(value)
  }
}

function statement(text,    at) {
  if (given_up) return
  text = trimmed(text)
  if (substr(text, 1, 1) == "[") {
    if (text !~ /^.+\]$/) given_up = 1
    section = substr(text, 2, length(text) - 2)
  } else if ((at = index(text, "=")) > 0) {
    assigned(trimmed(substr(text, 1, at - 1)), trimmed(substr(text, at + 1)))
  }
}

# A line, which may go on in the next one; comments in between go.
function line_of_unit(text) {
  number++
  if (text ~ /^[ \t\r]*[#;]/) return
  if (!is_open) begun = number
  if (text ~ /\\$/) {
    so_far = so_far substr(text, 1, length(text) - 1) " "
    is_open = 1
    return
  }
  statement(so_far text)
  so_far = ""
  is_open = 0
}

# What is with a line that is no plain text of UTF-8, or nothing.
function fault_of(text) {
  if (text ~ /[\001-\010\012-\037\177]/) return "it has a control character"
  if (text !~ /[\200-\377]/) return ""
  if (text ~ /\302[\200-\237]/) return "it has a control character"
  gsub(/\360[\220-\277][\200-\277][\200-\277]/, "x", text)
  gsub(/[\361-\363][\200-\277][\200-\277][\200-\277]/, "x", text)
  gsub(/\364[\200-\217][\200-\277][\200-\277]/, "x", text)
  gsub(/\340[\240-\277][\200-\277]/, "x", text)
  gsub(/\355[\200-\237][\200-\277]/, "x", text)
  gsub(/[\341-\354\356\357][\200-\277][\200-\277]/, "x", text)
  gsub(/[\302-\337][\200-\277]/, "x", text)
  return text ~ /[\200-\377]/ ? "it is not all UTF-8" : ""
}

# Whether the lines are a file of ours as it was written (drop_in.rs); sets ours_span and kept_mode, - for none.
function is_ours(    at, first, value, has_mode) {
  at = 2
  while (lines[at] ~ /^# before: /) {
    value = substr(lines[at++], 11)
    if (value !~ /=/ || value ~ /[^ -~]/ || value ~ /[\\ ]$/) return 0
  }
  kept_mode = "0644"
  if (lines[at] ~ /^# kept-mode: [0-7][0-7][0-7][0-7]$/) {
    kept_mode = substr(lines[at++], 14)
    if (kept_mode == "0644") return 0
    has_mode = 1
  }
  first = at
  while (lines[at] == "# kept:" || lines[at] ~ /^# kept: ./) at++
  if (lines[at] ~ /^# kept, without a newline: ./ || (at == first && lines[at] == "# kept, without a newline:")) at++
  if (at == first) {
    if (has_mode) return 0
    kept_mode = "-"
  }
  if (lines[1] != marker || lines[at++] != "") return 0
  if (lines[at] == "[Unit]") {
    if (lines[at + 1] != "StartLimitIntervalSec=0" || lines[at + 2] != "" || lines[at + 3] != "[Service]") return 0
    at += 4
  } else {
    if (lines[at] != "[Service]" || lines[at + 1] != "StartLimitInterval=0") return 0
    at += 2
  }
  if (lines[at] != "Restart=always") return 0
  value = lines[at + 1]
  ours_span = substr(value, 12)
  if (value !~ /^RestartSec=/ || ours_span == "" || span(ours_span) != ours_span) return 0
  at += 2
  if (lines[at] == "RestartSteps=0" && lines[at + 1] == "RestartMaxDelaySec=infinity") at += 2
  return at == count && lines[at] == ""
}

# What the file is (drop_in.rs, hand_made.rs).
function judge(    i, text, key, in_service) {
  for (i = 1; i <= count; i++) {
    text = fault_of(lines[i])
    if (text != "") return "foreign " i " " text
  }
  if (substr(lines[1], 1, length(marker)) == marker) {
    if (!is_ours()) return "foreign 1 ssm-keepalive wrote it, and it was changed since"
    return "ours " kept_mode " " ours_span
  }
  for (i = 1; i <= count; i++) {
    text = lines[i]
    if (text ~ /\\$/) return "foreign " i " the line goes on in the next one"
    text = trimmed(text)
    if (text == "" || text ~ /^[#;]/) continue
    if (text ~ /^\[/) {
      in_service = text == "[Service]"
      if (!in_service) return "foreign " i " it has another section than [Service]"
      continue
    }
    key = index(text, "=") > 0 ? trimmed(substr(text, 1, index(text, "=") - 1)) : ""
    if (!in_service || (key != "Restart" && key != "RestartSec")) {
      return "foreign " i " it sets something else than Restart= and RestartSec= of [Service]"
    }
  }
  return "hand"
}

# A mode as ls(1) shows it, in octal.
function octal(shown,    i, digit, special, digits) {
  for (i = 0; i < 3; i++) {
    digit = (substr(shown, 3 * i + 2, 1) == "r") * 4 + (substr(shown, 3 * i + 3, 1) == "w") * 2
    digits = digits (digit + (substr(shown, 3 * i + 4, 1) ~ /[xst]/))
    special = special * 2 + (substr(shown, 3 * i + 4, 1) ~ /[sStT]/)
  }
  return special digits
}

function quoted(word, text) {
  print word (text == "" ? "" : " ") text
}

BEGIN {
  unit_is(31557600000000, "y year years")
  unit_is(2629800000000, "month months M")
  unit_is(604800000000, "w week weeks")
  unit_is(86400000000, "d day days")
  unit_is(3600000000, "h hr hour hours")
  unit_is(60000000, "min minute minutes m")
  unit_is(1000000, "s sec second seconds")
  unit_is(1000, "ms msec milliseconds")
  unit_is(1, "us usec microseconds")
}

# The unit that a watch is for: the fourth word, in which systemd.service(5) has two backslashes for one.
function watched(line,    words, parts, unit, i, count) {
  split(line, words, " ")
  count = split(words[4], parts, /\\\\/)
  unit = parts[1]
  for (i = 2; i <= count; i++) unit = unit "\\" parts[i]
  print unit
}

function decide(    i, j, count_of, parts, keys) {
  sub(/^\357\273\277/, "", lines[1])
  for (i = 1; i <= count; i++) {
    sub(/\r$/, "", lines[i])
    count_of = split(lines[i], parts, "\r")
    for (j = 1; j <= count_of; j++) line_of_unit(parts[j])
    if (count_of == 0) line_of_unit("")
  }
  if (is_open) statement(so_far)
  count_of = split("Restart RestartSec RestartSteps StartLimitIntervalSec", keys, " ")
  for (i = 1; i <= count_of; i++) if (keys[i] in found) print keys[i], found[keys[i]]
}

{ lines[NR] = $0 }

END {
  count = NR
  at = length(lines[count]) - length(end)
  if (at < 0 || substr(lines[count], at + 1) != end) exit 1
  lines[count] = substr(lines[count], 1, at)
  if (task == "span") for (i = 1; i <= count; i++) print span(lines[i]) ";"
  # The agent asks for a reboot a minute before it (reboot_gap.rs).
  if (task == "late") print (micros(lines[1]) >= 65000000 ? "yes" : "no")
  if (task == "mode") print octal(lines[1])
  if (task == "watched") for (i = 1; i <= count; i++) if (lines[i] ~ /^ExecStart=/) watched(lines[i])
  if (task == "decide") decide()
  if (task == "judge") print judge()
  if (task == "record") for (i = 2; i <= count && lines[i] != ""; i++) print lines[i]
  if (task == "quote") {
    for (i = 1; i < count; i++) quoted("# kept:", lines[i])
    if (lines[count] != "" || count == 1) quoted("# kept, without a newline:", lines[count])
  }
  if (task == "kept") for (i = 2; i <= count && lines[i] != ""; i++) {
    if (lines[i] ~ /^# kept:/) print substr(lines[i], 9)
    if (lines[i] ~ /^# kept, /) printf "%s", substr(lines[i], 28)
  }
  printf "%s", end
}
