# SPDX-License-Identifier: GPL-2.0-only
#
# Builds httplat. `make help` lists the targets; V=1 shows the commands; BUILD=DIR puts the objects
# elsewhere; CI=true makes warnings errors; ARCH=arm64 builds for that architecture, the static program
# and the tests.

VERSION := 0.1.0

# ARCH and CROSS_COMPILE mean what they mean to the kernel's Makefile.
canon     = $(patsubst amd64,x86,$(patsubst x86_64,x86,$(patsubst aarch64,arm64,$(1))))
HOST     := $(shell uname -m)
ARCH     ?= $(HOST)
override ARCH := $(call canon,$(ARCH))
ifneq ($(ARCH),$(call canon,$(HOST)))
ifneq ($(ARCH),arm64)
$(error ARCH=$(ARCH): on this machine httplat can be built for $(HOST) and for arm64)
endif
CROSS         := 1
CROSS_COMPILE ?= aarch64-linux-gnu-
MULTIARCH     := aarch64-linux-gnu
SUFFIX        := -$(ARCH)
BUILD         ?= build/$(ARCH)
CC            := $(CROSS_COMPILE)gcc
AR            := $(CROSS_COMPILE)ar
else
MULTIARCH     := $(HOST)-linux-gnu
endif

BUILD   ?= build
HTTPLAT ?= httplat
STATIC  := $(HTTPLAT)-static$(SUFFIX)

# Where `make install` puts things, below DESTDIR.
PREFIX   ?= /usr/local
SBINDIR  ?= $(PREFIX)/sbin
DATADIR  ?= $(PREFIX)/share
MANDIR   ?= $(DATADIR)/man
DOCDIR   ?= $(DATADIR)/doc/httplat
BASHDIR  ?= $(DATADIR)/bash-completion/completions
ZSHDIR   ?= $(DATADIR)/zsh/site-functions
FISHDIR  ?= $(DATADIR)/fish/vendor_completions.d
UNITDIR  ?= $(PREFIX)/lib/systemd/system
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d

CLANG      ?= clang
LLVM_STRIP ?= llvm-strip
LLVM_COV   ?= llvm-cov
LLVM_PROFDATA ?= llvm-profdata
BPFTOOL    ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
INFOCMP    ?= infocmp
PKG_CONFIG ?= pkg-config
AR         ?= ar

# Where tools/setup unpacks what the distribution doesn't have.
HTTPLAT_DEPS ?= /usr/local/lib/httplat-deps
# And what was built for another architecture than this machine's, all of it (tools/setup --arm64).
DEPS_ROOT    := $(HTTPLAT_DEPS)$(if $(CROSS),/$(ARCH))

# Quiet unless V=1: $(call say,WHAT,FILE) before a recipe line that starts with $(Q).
ifeq ($(V),1)
Q   :=
say :=
else
Q   := @
say = @printf '  %-8s %s\n' $(1) $(2)
endif

CFLAGS   ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-unused-parameter \
	-Wno-missing-field-initializers
ifeq ($(CI),true)
WARNINGS += -Werror
endif
# Empty, so that a file may define it again.
ALL_CPPFLAGS := -D_GNU_SOURCE= -I. -I$(BUILD) -I$(BUILD)/bpf -Iuser -DHTTPLAT_VERSION='"$(VERSION)"' $(CPPFLAGS)
ALL_CFLAGS   := -std=gnu11 $(WARNINGS) -fno-common -fstack-protector-strong -fPIE $(CFLAGS)
SAN_CFLAGS    = -std=gnu11 $(WARNINGS) -fno-common -O1 -g -fno-omit-frame-pointer \
		-fsanitize=$(SANITIZER),undefined -fno-sanitize-recover=all
DEPFLAGS      = -MMD -MP

# Runs a program of that architecture.
ARM64_QEMU   := $(HTTPLAT_DEPS)/arm64/qemu-aarch64 -L /usr/aarch64-linux-gnu

# AddressSanitizer runs in QEMU with gcc 12 and not with gcc 14: tried. The other one finds nothing there, but knows
# what is allocated, which tests ask.
SAN_RUNS      = mkdir -p $(BUILD) && echo 'int main(void) { return 0; }' | \
	$(CC) -fsanitize=address -x c - -o $(BUILD)/san-probe && \
	ASAN_OPTIONS=detect_leaks=0 $(ARM64_QEMU) $(BUILD)/san-probe
SANITIZER    := $(if $(CROSS),$(shell { $(SAN_RUNS); } >/dev/null 2>&1 && echo address || echo leak),address)

# Aside (Debian 12), or the distribution's.
ifneq ($(wildcard $(DEPS_ROOT)/usr/include),)
ALL_CPPFLAGS += -isystem $(DEPS_ROOT)/usr/include
endif
DEPS_LIB     := $(DEPS_ROOT)/usr/lib/$(MULTIARCH)
LLHTTP_A     := $(or $(wildcard $(DEPS_LIB)/libllhttp.a),-l:libllhttp.a)
HDR_A        := $(or $(wildcard $(DEPS_LIB)/libhdr_histogram_static.a),-l:libhdr_histogram_static.a)
LIBS        := $(LLHTTP_A) $(HDR_A) -lpcap -lbpf -lelf -lz -lseccomp -lyajl -lncursesw -ltinfo -lm
# From Debian 13 on, libelf.a wants zstd.
STATIC_LIBS := $(LLHTTP_A) $(HDR_A) -lpcap -ldbus-1 -lbpf -lelf -lz -lseccomp -l:libyajl_s.a -lncursesw -ltinfo -lm \
	-lpthread $(if $(wildcard $(if $(CROSS),$(DEPS_LIB),/usr/lib/$(MULTIARCH))/libzstd.a),-lzstd)

# <asm/...> of the target; Debian's cross headers are not where its own are.
ASM_INCLUDE := $(if $(CROSS),/usr/$(MULTIARCH)/include,/usr/include/$(MULTIARCH))
# BTF names the source files, which is to be the same wherever they lie.
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -ffile-prefix-map=$(CURDIR)=. -Wall -Wno-unused-function \
	-D__TARGET_ARCH_$(ARCH) -I. -idirafter $(ASM_INCLUDE)

# For another architecture only static libraries are there, and cmocka, which has none. The sanitizers
# run in QEMU too, as long as nobody looks for leaks (tests/run sees to that).
ifneq ($(CROSS),)
ALL_CPPFLAGS += -isystem $(DEPS_ROOT)/usr/include/$(MULTIARCH)
LDFLAGS      += -L$(DEPS_LIB)
UNIT_LDFLAGS := -Wl,-rpath,$(DEPS_LIB)
LIBS         := $(STATIC_LIBS)
endif
ifeq ($(CI),true)
BPF_CFLAGS += -Werror
endif

# --- sources ---------------------------------------------------------------------------------------

BPF_SRC  := $(wildcard bpf/*.bpf.c)
CORE_SRC := $(wildcard user/core/*.c)
MAIN_SRC := $(wildcard user/main.c)
REST_SRC := $(filter-out $(CORE_SRC) $(MAIN_SRC),$(wildcard user/*.c user/*/*.c))
UNIT_SRC := $(wildcard tests/unit/test_*.c)
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)

BPF_OBJ  := $(BPF_SRC:bpf/%.bpf.c=$(BUILD)/bpf/%.bpf.o)
SKELS    := $(BPF_SRC:bpf/%.bpf.c=$(BUILD)/bpf/%.skel.h)
CORE_OBJ := $(CORE_SRC:%.c=$(BUILD)/%.o)
REST_OBJ := $(REST_SRC:%.c=$(BUILD)/%.o)
MAIN_OBJ := $(MAIN_SRC:%.c=$(BUILD)/%.o)
CORE_SAN := $(CORE_SRC:%.c=$(BUILD)/san/%.o)
REST_SAN := $(REST_SRC:%.c=$(BUILD)/san/%.o)
UNIT_OBJ := $(UNIT_SRC:%.c=$(BUILD)/san/%.o)
# Helpers that several unit tests share.
UNIT_AUX := $(patsubst %.c,$(BUILD)/san/%.o,$(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c)))
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/unit/%)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/tests/fuzz/%)
READY    := $(BUILD)/ready

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all static unit asan bpf test test-build demo bench bench-live vmtest soak arm64test setup clean help
.PHONY: install uninstall deb image
.PHONY: fuzz-build fuzz-programs fuzz-quick fuzz-merge fuzz-coverage

all: $(if $(CROSS),$(STATIC),$(HTTPLAT))

help:
	@echo 'make              build ./httplat'
	@echo 'make static       build ./httplat-static, which needs no library of the host'
	@echo 'make demo         install what is missing, build, trace a small real workload'
	@echo 'make test         install what is missing, build, run every test'
	@echo 'make unit         build and run the unit tests alone (ASan, UBSan)'
	@echo 'make arm64test    build for arm64; its unit tests, and capture files, in an emulator (minutes)'
	@echo 'make vmtest       trace on other kernels, in QEMU (minutes)'
	@echo 'make soak         on each hook at once for SOAK_SECONDS ($(SOAK_SECONDS)): nothing grows, nothing is missed'
	@echo 'make bench        beside other tools, on capture files (minutes)'
	@echo 'make bench-live   what tracing costs, beside other tracers (an hour)'
	@echo 'make fuzz-quick   the fuzzers alone, each for FUZZ_SECONDS ($(FUZZ_SECONDS))'
	@echo 'make fuzz-merge   add to tests/fuzz/seeds what the fuzzers found in $(BUILD)'
	@echo 'make fuzz-coverage  what the fuzzers reach from tests/fuzz/seeds, by file'
	@echo 'make setup        install what building needs (as root)'
	@echo 'make install      into DESTDIR, below PREFIX ($(PREFIX)); make uninstall removes it'
	@echo 'make deb          a Debian package, in $(BUILD)/deb'
	@echo 'make image        a container image of httplat-static, with podman'
	@echo 'make clean        remove everything that was built'
	@echo
	@echo 'V=1 shows commands, CI=true makes warnings errors, BUILD=DIR builds elsewhere'
	@echo 'make static ARCH=arm64 builds ./httplat-static-arm64, on amd64 (tools/setup --arm64 comes first)'

# --- what has to be there --------------------------------------------------------------------------

# Tools and headers, each with the package that holds it.
NEED_TOOLS   := $(firstword $(CC)):gcc $(CLANG):clang $(LLVM_STRIP):llvm $(BPFTOOL):bpftool \
	$(INFOCMP):ncurses-bin
NEED_HEADERS := stdio.h:libc6-dev bpf/libbpf.h:libbpf-dev libelf.h:libelf-dev zlib.h:zlib1g-dev \
	pcap/pcap.h:libpcap-dev seccomp.h:libseccomp-dev yajl/yajl_gen.h:libyajl-dev uthash.h:uthash-dev \
	curses.h:libncurses-dev llhttp.h:libllhttp-dev hdr/hdr_histogram.h:libhdr-histogram-dev

$(READY):
	@mkdir -p $(@D)
ifneq ($(CROSS),)
	@command -v $(firstword $(CC)) >/dev/null && [ -e $(DEPS_ROOT)/packages ] || { \
		echo "What builds for $(ARCH) is missing. Run 'tools/setup --$(ARCH)' as root." >&2; \
		exit 1; \
	}
endif
	@lacking=; \
	for need in $(NEED_TOOLS); do \
		command -v "$${need%:*}" >/dev/null || lacking="$$lacking $${need##*:}"; \
	done; \
	case "$$lacking" in *gcc*) ;; *) \
	for need in $(NEED_HEADERS); do \
		printf '#include <stdio.h>\n#include <%s>\n' "$${need%:*}" | \
			$(CC) $(ALL_CPPFLAGS) -E - >/dev/null 2>&1 || \
			lacking="$$lacking $${need##*:}"; \
	done ;; esac; \
	if [ -n "$$lacking" ]; then \
		echo "These packages are missing:$$lacking" >&2; \
		echo "Run 'make setup' as root: it installs them (and what Debian 12 lacks)." >&2; \
		exit 1; \
	fi
	@touch $@

# --- BPF -------------------------------------------------------------------------------------------

bpf: $(SKELS)

# DWARF is stripped, BTF stays: libbpf and the verifier's messages need it.
$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c | $(READY)
	@mkdir -p $(@D)
	$(call say,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) $(DEPFLAGS) -c $< -o $@
	$(Q)$(LLVM_STRIP) -g $@

$(BUILD)/bpf/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf >$@.tmp && mv $@.tmp $@

# --- the program -----------------------------------------------------------------------------------

$(BUILD)/%.o: %.c | $(READY)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(DEPFLAGS) -c $< -o $@

# The description of xterm that is built in, for hosts without terminfo.
TERMINFO_H := $(BUILD)/terminfo/xterm.h

$(TERMINFO_H): | $(READY)
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)$(INFOCMP) -Q1 xterm >$@.tmp
	$(Q)printf '"%s"\n' "$$(sed '/^#/d' $@.tmp | tr -d ' \n')" >$@ && rm $@.tmp

$(BUILD)/user/top/terminal.o $(BUILD)/san/user/top/terminal.o: $(TERMINFO_H)

$(REST_OBJ) $(MAIN_OBJ) $(REST_SAN) $(UNIT_OBJ) $(UNIT_AUX): | $(SKELS)

# The pure middle, alone: the tests look at what it asks of the world.
$(BUILD)/libcore.a: $(CORE_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/librest.a: $(REST_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(HTTPLAT): $(MAIN_OBJ) $(BUILD)/librest.a $(BUILD)/libcore.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

# --- fully static ----------------------------------------------------------------------------------

static: $(STATIC)

# ld warns of every name look-up that glibc leaves to shared libraries even then; libpcap has some (`host
# NAME` in a filter), and there it says at run time that the name is unknown.
# At an address that differs from run to run, as the shared program is: it reads what strangers send.
STATIC_LDFLAGS := -static-pie -s -Wl,-z,relro,-z,now,--no-warnings

$(STATIC): $(MAIN_OBJ) $(BUILD)/librest.a $(BUILD)/libcore.a $(BUILD)/tools/static_stubs.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(STATIC_LDFLAGS) -o $@ $^ $(STATIC_LIBS)

# --- tests -----------------------------------------------------------------------------------------

$(BUILD)/san/%.o: %.c | $(READY)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(SAN_CFLAGS) $(DEPFLAGS) -c $< -o $@

$(BUILD)/san/libhttplat.a: $(CORE_SAN) $(REST_SAN)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/san/libunit.a: $(UNIT_AUX)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# Allocations of this one can be made to fail.
$(BUILD)/tests/unit/test_top_alloc: UNIT_WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup

$(BUILD)/tests/unit/%: $(BUILD)/san/tests/unit/%.o $(BUILD)/san/libunit.a $(BUILD)/san/libhttplat.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(SAN_CFLAGS) $(LDFLAGS) $(UNIT_LDFLAGS) $(UNIT_WRAP) -o $@ $^ -lcmocka $(LIBS)

ifneq ($(CROSS),)
$(UNIT_BIN): $(BUILD)/tools/static_stubs.o
endif

# The model test once more as the program is built: without sanitizers it takes many more conversations.
MODEL_BIN := $(BUILD)/tests/plain/test_model
MODEL_SRC := tests/unit/test_model.c $(wildcard tests/unit/model_*.c)

$(MODEL_BIN): $(MODEL_SRC) tests/unit/model.h $(BUILD)/libcore.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(MODEL_SRC) $(BUILD)/libcore.a \
		-lcmocka $(LLHTTP_A)

# Builds every unit test with AddressSanitizer and UndefinedBehaviorSanitizer.
asan: $(UNIT_BIN)

unit: $(UNIT_BIN)
	$(Q)BUILD=$(BUILD) tests/run unit

test-build: $(HTTPLAT) $(STATIC) $(BUILD)/libcore.a asan $(MODEL_BIN)
	@:

# tools/setup runs first, so the rest is a second make: it sees what was installed.
test:
	$(Q)tools/setup --test
	$(Q)$(MAKE) --no-print-directory test-build fuzz-build
	$(Q)BUILD=$(BUILD) HTTPLAT=./$(HTTPLAT) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run

demo:
	$(Q)tools/setup --demo
	$(Q)$(MAKE) --no-print-directory $(HTTPLAT)
	$(Q)HTTPLAT=./$(HTTPLAT) tools/demo

# Benchmarks are for people, and no part of any test: docs/PERFORMANCE.md.
bench:
	$(Q)tools/setup --bench
	$(Q)$(MAKE) --no-print-directory $(HTTPLAT)
	$(Q)BUILD=$(BUILD) HTTPLAT=./$(HTTPLAT) bench/offline

# LIVE='--rounds 2 --tracers none,empty-cgroup,httplat-cgroup small' for a part of it.
bench-live:
	$(Q)tools/setup --bench
	$(Q)$(MAKE) --no-print-directory $(HTTPLAT)
	$(Q)BUILD=$(BUILD) HTTPLAT=./$(HTTPLAT) bench/live $(LIVE)

# On arm64 kernels too, where tools/setup --arm64 was run once.
VM_ARM64 = $(if $(wildcard $(HTTPLAT_DEPS)/arm64/packages),--arm64)

vmtest:
	$(Q)tools/setup --vm $(VM_ARM64)
	$(Q)$(MAKE) --no-print-directory static
	$(if $(VM_ARM64),$(Q)$(MAKE) --no-print-directory ARCH=arm64 BUILD=$(ARM64_BUILD) static)
	$(Q)BUILD=$(BUILD) HTTPLAT_STATIC=./$(HTTPLAT)-static tests/vm/run

# The tests that need no kernel of that architecture, in an emulator of system calls. The program under test is a
# script that starts it there.
ARM64_BUILD := $(BUILD)/arm64

arm64test:
	$(if $(CROSS),$(error arm64test builds for both: call it without ARCH))
	$(Q)tools/setup --test --arm64
	$(Q)$(MAKE) --no-print-directory $(HTTPLAT)
	$(Q)$(MAKE) --no-print-directory ARCH=arm64 BUILD=$(ARM64_BUILD) static asan
	$(Q)printf '#!/bin/sh\nexec %s %s "$$@"\n' '$(ARM64_QEMU)' '$(CURDIR)/$(HTTPLAT)-static-arm64' \
		>$(ARM64_BUILD)/httplat && chmod +x $(ARM64_BUILD)/httplat
	$(Q)BUILD=$(ARM64_BUILD) HTTPLAT=$(ARM64_BUILD)/httplat NATIVE=$(CURDIR)/$(HTTPLAT) \
		EMULATOR='$(ARM64_QEMU)' tests/run $(or $(TESTS),unit offline arm64)

# How long, in seconds.
SOAK_SECONDS ?= 3600

soak:
	$(Q)tools/setup --test
	$(Q)$(MAKE) --no-print-directory $(HTTPLAT)
	$(Q)HTTPLAT=./$(HTTPLAT) SOAK_SECONDS=$(SOAK_SECONDS) HTTPLAT_SECCOMP=kill tests/soak/run

# --- fuzzers ---------------------------------------------------------------------------------------

# How long each of them runs, in seconds.
FUZZ_SECONDS ?= 60
FUZZ_CFLAGS  := -std=gnu11 $(WARNINGS) -g -O2 -fno-omit-frame-pointer
FUZZ_SAN     := -fsanitize=address,undefined -fno-sanitize-recover=all
# What libFuzzer watches. The checks themselves are not of interest, and a null pointer crashes by
# itself; its check before each access would cost a third of the speed.
FUZZ_WATCH   := -fsanitize=fuzzer-no-link -fno-sanitize=null

# What reads hostile bytes: the pure middle, capture files, ring records, and what is printed of them.
FUZZED_SRC := $(CORE_SRC) $(wildcard user/file/*.c user/report/*.c) user/diag.c user/units.c \
	user/reqfilter.c user/target.c user/live/record.c user/recorder/replay.c
# Helpers that several fuzzers share.
FUZZ_AUX   := $(filter-out $(FUZZ_SRC),$(wildcard tests/fuzz/*.c))
FUZZ_OBJ   := $(patsubst %.c,$(BUILD)/fuzz/%.o,$(FUZZED_SRC) $(FUZZ_AUX) $(FUZZ_SRC))
COVER_OBJ  := $(FUZZ_OBJ:$(BUILD)/fuzz/%=$(BUILD)/cover/%)
COVER_BIN  := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/cover/%)

$(BUILD)/fuzz/%.o: %.c | $(READY)
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)
	$(Q)$(CLANG) $(ALL_CPPFLAGS) $(FUZZ_CFLAGS) $(FUZZ_SAN) \
		$(if $(filter user/%,$<),$(FUZZ_WATCH)) $(DEPFLAGS) -c $< -o $@

$(BUILD)/fuzz/libfuzzed.a: $(patsubst %.c,$(BUILD)/fuzz/%.o,$(FUZZED_SRC) $(FUZZ_AUX))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/tests/fuzz/fuzz_capture $(BUILD)/cover/fuzz_capture: FUZZ_WRAP := -Wl,--wrap=frames_next

$(BUILD)/tests/fuzz/%: $(BUILD)/fuzz/tests/fuzz/%.o $(BUILD)/fuzz/libfuzzed.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CLANG) -fsanitize=fuzzer $(FUZZ_SAN) $(FUZZ_WRAP) -o $@ $^ $(LLHTTP_A) $(HDR_A) -lpcap -lyajl -lm

# Where clang has no libFuzzer the tests are told so, in place of the programs.
FUZZ_LACKING := $(BUILD)/fuzz/lacking

fuzz-build: | $(READY)
	$(Q)mkdir -p $(dir $(FUZZ_LACKING)); rm -f $(FUZZ_LACKING); \
	if echo 'int LLVMFuzzerTestOneInput(const char *b, long n) { return 0; }' | $(CLANG) \
		-fsanitize=fuzzer $(FUZZ_SAN) -x c - -o $(BUILD)/fuzz/probe 2>/dev/null; then \
		$(MAKE) --no-print-directory fuzz-programs; \
	else \
		echo "$(CLANG) has no libFuzzer: the package libclang-rt-dev is missing" \
			>$(FUZZ_LACKING); \
	fi

fuzz-programs: $(FUZZ_BIN)
	@:

fuzz-quick: fuzz-build
	$(Q)BUILD=$(BUILD) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/run fuzz

# Takes the best of what fuzzing found here into the seeds.
fuzz-merge: fuzz-build
	$(Q)for bin in $(FUZZ_BIN); do \
		tests/fuzz/merge $$bin $(BUILD)/fuzz/corpus/$${bin##*/} || exit 1; \
	done

$(BUILD)/cover/%.o: %.c | $(READY)
	@mkdir -p $(@D)
	$(call say,COVER,$@)
	$(Q)$(CLANG) $(ALL_CPPFLAGS) $(FUZZ_CFLAGS) -fprofile-instr-generate -fcoverage-mapping \
		$(DEPFLAGS) -c $< -o $@

$(BUILD)/cover/libfuzzed.a: $(patsubst %.c,$(BUILD)/cover/%.o,$(FUZZED_SRC) $(FUZZ_AUX))
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/cover/%: $(BUILD)/cover/tests/fuzz/%.o $(BUILD)/cover/libfuzzed.a
	$(call say,LINK,$@)
	$(Q)$(CLANG) -fsanitize=fuzzer -fprofile-instr-generate $(FUZZ_WRAP) -o $@ $^ $(LLHTTP_A) \
		$(HDR_A) -lpcap -lyajl -lm

# What the committed corpora reach, a line for each file.
fuzz-coverage: $(COVER_BIN)
	$(Q)rm -f $(BUILD)/cover/*.profraw
	$(Q)for bin in $(COVER_BIN); do \
		LLVM_PROFILE_FILE=$$bin.profraw $$bin -runs=0 tests/fuzz/seeds/$${bin##*/} \
			2>$$bin.log || { cat $$bin.log >&2; exit 1; }; \
	done
	$(Q)$(LLVM_PROFDATA) merge -o $(BUILD)/cover/all.profdata $(COVER_BIN:%=%.profraw)
	$(Q)$(LLVM_COV) report -instr-profile=$(BUILD)/cover/all.profdata \
		$(firstword $(COVER_BIN)) $(COVER_BIN:%=-object %) $(FUZZED_SRC)

# --- the rest --------------------------------------------------------------------------------------

setup:
	$(Q)tools/setup

# --- installing ------------------------------------------------------------------------------------

# MODE:FILE:TARGET for each file that is installed as it is.
INSTALLED := 755:$(HTTPLAT):$(SBINDIR)/httplat \
	644:httplat.8:$(MANDIR)/man8/httplat.8 \
	644:completions/httplat.bash:$(BASHDIR)/httplat \
	644:completions/_httplat:$(ZSHDIR)/_httplat \
	644:completions/httplat.fish:$(FISHDIR)/httplat.fish \
	644:systemd/httplat.tmpfiles:$(TMPFILESDIR)/httplat.conf \
	$(foreach file,README.md CHANGELOG.md LICENSE,644:$(file):$(DOCDIR)/$(file)) \
	$(foreach file,$(wildcard docs/*.md),644:$(file):$(DOCDIR)/$(file))
UNIT := $(UNITDIR)/httplat.service

install: $(HTTPLAT)
	$(Q)for each in $(INSTALLED); do \
		file=$${each#*:}; \
		install -D -m "$${each%%:*}" "$${file%%:*}" "$(DESTDIR)$${file#*:}" || exit 1; \
	done
	$(Q)sed 's|@SBINDIR@|$(SBINDIR)|' systemd/httplat.service.in | \
		install -D -m 644 /dev/stdin "$(DESTDIR)$(UNIT)"

# The documentation's directory is ours alone; the others stay.
uninstall:
	$(Q)for each in $(INSTALLED) ::$(UNIT); do rm -f "$(DESTDIR)$${each##*:}"; done
	$(Q)! [ -d "$(DESTDIR)$(DOCDIR)" ] || \
		find "$(DESTDIR)$(DOCDIR)" -depth -type d -empty -delete

# --- packages --------------------------------------------------------------------------------------

DEB_DIR := $(BUILD)/deb
# What the distribution doesn't have is no package that could be asked for; $(READY) looks for it.
DEB_PROFILES := $(if $(wildcard $(HTTPLAT_DEPS)/usr/include),-Ppkg.httplat.aside)

# From a copy, so that nothing of debhelper's gets into the tree. Source and binaries: lintian reads both.
deb:
	$(Q)[ "$$(sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)" = "$(VERSION)" ] || { \
		echo "debian/changelog has another version than the Makefile, which is $(VERSION)" >&2; \
		exit 1; }
	$(Q)rm -rf $(DEB_DIR) && mkdir -p $(DEB_DIR)/httplat
	$(Q)tar -c --exclude-vcs --exclude=__pycache__ --exclude='./build*' --exclude='./$(BUILD)' \
		--exclude=./httplat --exclude='./httplat-*' . | tar -x --no-same-owner -C $(DEB_DIR)/httplat
	$(Q)cd $(DEB_DIR)/httplat && env -u BUILD -u HTTPLAT -u MAKEFLAGS -u MAKELEVEL -u V \
		HTTPLAT_DEPS="$(abspath $(HTTPLAT_DEPS))" \
		dpkg-buildpackage -us -uc $(DEB_PROFILES)
	@echo "$(DEB_DIR)/httplat_$(VERSION)_$$(dpkg --print-architecture).deb"

PODMAN ?= podman

# `podman build .` compiles it in a container instead, where an image of Debian is to be had.
image: $(HTTPLAT)-static
	$(Q)$(PODMAN) build --target given -t httplat:$(VERSION) .

clean:
	rm -rf $(BUILD) $(HTTPLAT) $(HTTPLAT)-static $(HTTPLAT)-static-arm64

-include $(BPF_OBJ:.o=.d) $(CORE_OBJ:.o=.d) $(REST_OBJ:.o=.d) $(MAIN_OBJ:.o=.d) \
	$(CORE_SAN:.o=.d) $(REST_SAN:.o=.d) $(UNIT_OBJ:.o=.d) $(UNIT_AUX:.o=.d) \
	$(FUZZ_OBJ:.o=.d) $(COVER_OBJ:.o=.d)
