//! Tools that run what a project, a repository or a package says.

use crate::escape_hatch::row::Row;

const AS_CALLER: &str =
    "run it as the caller, and allow a program of root's for the one step that needs root";

pub(super) const ROWS: &[Row] = &[
    Row::never(
        "make gmake c89 c99 cobc latexmk bmake pmake cmake ctest ninja meson scons ant mvn gradle sbt bazel \
         buck rake just task tox nox pytest invoke fab cargo rustc rustup go gcc g++ cc c++ cpp clang \
         clang++ ld as nasm gfortran ghc javac swift zig nim autoconf automake libtool rpmbuild \
         dpkg-buildpackage debuild debuild-pbuilder dh fpm checkinstall dpkg-source rustdoc rustfmt xelatex \
         dvi sphinx-build doxygen gitlab-runner tup redo waf qmake ccmake mkdocs",
        "runs what the files of a project say, and writes where they say",
        AS_CALLER,
    ),
    Row::never(
        "pip pipx uv uvx poetry pdm conda mamba easy_install pyenv virtualenv npm npx yarn pnpm \
         corepack bower gem bundle bundler composer cpan cpanm luarocks opam cabal stack nix nix-env \
         nix-shell nix-build guix brew gulp grunt pear pecl helm terraform tofu pulumi packer",
        "runs programs of the packages that its caller names",
        AS_CALLER,
    ),
    Row::never(
        "git hg svn svnadmin bzr fossil cvs etckeeper gh glab tig lazygit repo jj gitk scalar git-lfs \
         git-annex pre-commit gitea forgejo darcs pijul sapling",
        "starts the hooks, the pager and the editor that a repository or its caller names",
        AS_CALLER,
    ),
    Row::never(
        "strace ltrace perf valgrind bpftrace bpftool stap trace-cmd gcore dtrace sysdig rr heaptrack \
         gdbserver reptyr uftrace pstack py-spy rbspy gdb-multiarch delve dlv criu checkpointctl \
         makedumpfile drgn kdump-config",
        "starts a program, or reads and changes the memory of those that run",
        "give the debugger to a separate test host, where root is nothing to lose",
    ),
];
