# The front door. `make demo` and `make test` are all that a newcomer needs.

PREFIX  ?= /usr/local
DESTDIR ?=
CARGO   ?= cargo
# The command and the user of `make demo`; of the two only the user: a dispatch on this machine; neither: the whole system.
CMD     ?=
RUN_AS  ?=
# Seconds for each target of `make fuzz`.
FUZZ_SECONDS ?= 60

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
TRIPLE     := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
# Behind sudo's secure_path there may be no rustc: what is installed then is what was built, for one machine.
BUILT      := $(wildcard $(TARGET_DIR)/*/release)
RELEASE    := $(if $(TRIPLE),$(TARGET_DIR)/$(TRIPLE)/release,$(if $(filter 1,$(words $(BUILT))),$(BUILT)))
# Programs that are built here for the build, and the packages.
TOOLS      := $(abspath $(TARGET_DIR))/tools/bin
DEBS       := $(TARGET_DIR)/debs
CARGO_DEB  := 3.8.0
PROGRAMS   := dropuid capture-run sudo-helper ssh-agent-fwd
# For administrators.
SBIN       := sudoers-install ssm-keepalive
# Each in the section that its name ends in.
PAGES      := dropuid/dropuid.1 capture-run/capture-run.1 sudo-helper/sudo-helper.8 \
              sudoers-install/sudoers-install.8 ssm-keepalive/ssm-keepalive.8 \
              ssh-agent-fwd/ssh-agent-fwd.8 privtools/privtools.7
# Where each shell looks for completions. Debian's zsh has a folder for packages, and the other for what is local.
BASH_WORDS := share/bash-completion/completions
ZSH_WORDS  := share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
FISH_WORDS := share/fish/vendor_completions.d
POLICY     := $(DESTDIR)/etc/sudo-helper/policy.json
SCRIPTS    := .ci/run packaging/changelog packaging/version packaging/debs packaging/notices $(wildcard */debian/p*rm) tests/bed/packages tests/bed/image tests/bed/venv tests/bed/host/keep tests/bed/host/boot tests/bed/host/init \
              tests/scenarios/demo $(addprefix tests/scenarios/demo-,run hosts dispatch agent) $(wildcard tests/scenarios/demo-host/*) \
              $(foreach program,dropuid capture-run sudo-helper,$(program)/completions/$(program).bash) \
              tests/words/complete.bash \
              $(wildcard sudoers-install/src/remote/*.sh ssm-keepalive/src/fleet/script/*.sh)

.PHONY: all build demo test packages deb lint completions bench fuzz install uninstall clean

all: build

# The programs apart from the tests, whose dependencies would bring features into theirs.
build:
	$(CARGO) build --release --locked $(addprefix --package=,$(PROGRAMS) $(SBIN) privtools)

# Through the environment, so that no quote in it is make's or the shell's business.
demo: export DEMO_COMMAND = $(value CMD)
demo: build
	tests/scenarios/demo "$(RELEASE)" "$(RUN_AS)" "$$DEMO_COMMAND"

# A shell has what it runs in the background ignore SIGINT, and nohup(1) SIGHUP: tests that send them would see no end.
test: packages deb
	env --default-signal $(CARGO) test --workspace --locked

# One Debian package for each program, and privtools for all of them.
deb: build
	test -x "$(TOOLS)/cargo-deb" || \
	  $(CARGO) install --locked --root "$(dir $(TOOLS))" --target-dir "$(TARGET_DIR)/tools/build" cargo-deb@$(CARGO_DEB)
	PATH="$(TOOLS):$$PATH" packaging/debs "$(DEBS)"

# What the tests need, by Debian package name.
packages:
	tests/bed/packages

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	mandoc -T lint -W warning $(PAGES)
	shellcheck --external-sources $(SCRIPTS)

# Those of the programs whose words clap knows; the others' are written by hand.
completions:
	$(CARGO) run --locked --package=privtools-tests --bin completions

# All programs: BENCHMARKS.md is written anew, and the ratios that the READMEs quote. BENCH="dropuid --quick",
# BENCH=capture-run, ... print their part only, for the file is of one run. Peers that are missing: make packages.
bench: build
	$(CARGO) build --release --locked --package=privtools-tests --bin bench
	"$(RELEASE)/bench" $(or $(BENCH),--write BENCHMARKS.md)

# New inputs are kept below tests/fuzz/target; the seeds that `make test` replays stay as they are. Where there is no
# nightly toolchain the stable one is told to take the flags that only nightly takes (the sanitizer's).
fuzz:
	command -v cargo-fuzz >/dev/null || $(CARGO) install --locked cargo-fuzz
	if $(CARGO) +nightly --version >/dev/null 2>&1; then nightly=+nightly; else nightly= && export RUSTC_BOOTSTRAP=1; fi; \
	for target in $$(ls tests/fuzz/corpus); do \
	  mkdir -p tests/fuzz/target/corpus/$$target && \
	  $(CARGO) $$nightly fuzz run --fuzz-dir tests/fuzz $$target tests/fuzz/target/corpus/$$target \
	    tests/fuzz/corpus/$$target -- -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=10 || exit 1; \
	done

define NOT_BUILT
make install:$(if $(RELEASE), there are no programs in $(RELEASE): run make first,$(if $(BUILT), programs were built for\
more than one machine: say which to install: $(BUILT:%=RELEASE=%), there are no programs below $(TARGET_DIR): run make first;\
where a CARGO_TARGET_DIR was set for that, give it to make install too))
endef

# A policy that is there is the operator's, and is left alone, also by uninstall.
install:
	@test -x "$(RELEASE)/dropuid" || { echo "$(NOT_BUILT)" >&2; exit 1; }
	for program in $(PROGRAMS:%=bin/%) $(SBIN:%=sbin/%); do \
	  install -D -m 0755 "$(RELEASE)/$${program#*/}" "$(DESTDIR)$(PREFIX)/$$program" || exit 1; \
	done
	for page in $(PAGES); do \
	  install -D -m 0644 "$$page" "$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}" || exit 1; \
	done
	for program in $(PROGRAMS) $(SBIN); do \
	  install -D -m 0644 "$$program/completions/$$program.bash" "$(DESTDIR)$(PREFIX)/$(BASH_WORDS)/$$program" && \
	  install -D -m 0644 "$$program/completions/_$$program" "$(DESTDIR)$(PREFIX)/$(ZSH_WORDS)/_$$program" && \
	  install -D -m 0644 "$$program/completions/$$program.fish" "$(DESTDIR)$(PREFIX)/$(FISH_WORDS)/$$program.fish" || exit 1; \
	done
	test -e "$(POLICY)" || test -L "$(POLICY)" || install -D -m 0644 sudo-helper/policy.json "$(POLICY)"

uninstall:
	for program in $(PROGRAMS:%=bin/%) $(SBIN:%=sbin/%); do \
	  rm -f "$(DESTDIR)$(PREFIX)/$$program" || exit 1; \
	done
	for page in $(PAGES); do \
	  rm -f "$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}" || exit 1; \
	done
	for program in $(PROGRAMS) $(SBIN); do \
	  rm -f "$(DESTDIR)$(PREFIX)/$(BASH_WORDS)/$$program" "$(DESTDIR)$(PREFIX)/$(ZSH_WORDS)/_$$program" \
	    "$(DESTDIR)$(PREFIX)/$(FISH_WORDS)/$$program.fish" || exit 1; \
	done

clean:
	$(CARGO) clean
