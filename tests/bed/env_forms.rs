//! Forms of lines in env files, each about the variable K, for ours and for theirs.
//!
//! Lines that execute something would create a file `marker` in the working directory.

/// Forms that dropuid accepts, and the value that K gets. All parsers agree about them.
pub const ACCEPTED: [(&str, &str); 16] = [
    ("K=v\n", "v"),
    ("K=v", "v"),
    ("export K=v\n", "v"),
    ("  K=v  \n", "v"),
    ("K=\n", ""),
    ("K=''\n", ""),
    ("K=x # comment\n", "x"),
    ("K=x#y\n", "x#y"),
    ("K=a=b\n", "a=b"),
    ("K='a b'\n", "a b"),
    ("K=\"a b\"\n", "a b"),
    ("K='$HOME `id` \"x\"'\n", "$HOME `id` \"x\""),
    ("K='a\\nb'\n", "a\\nb"),
    ("K=\"it's\"\n", "it's"),
    ("K='one\ntwo'\n", "one\ntwo"),
    ("# K=no\nK=1\nK=2\n", "2"),
];

/// Forms that dropuid refuses, since others execute, expand, drop or read them differently.
pub const REFUSED: [&str; 20] = [
    "K=$(touch marker)\n",
    "K=`touch marker`\n",
    "K=\"$(touch marker)\"\n",
    "K=v touch marker\n",
    "K=v;touch marker\n",
    "K=v&touch marker\n",
    "touch marker\n",
    "K=$HOME\n",
    "K=\"a${HOME}\"\n",
    "K='${HOME}'\n",
    "K=~/x\n",
    "K = v\n",
    "K= v\n",
    "K+=v\n",
    "K=v\r\n",
    "K=\"a\\nb\"\n",
    "K=a\\ b\n",
    "K='it'\\''s'\n",
    "K='open\n",
    "\u{feff}K=v\n",
];
