# SPDX-License-Identifier: GPL-2.0-only
#
# Builds httplat. `make help` lists the targets; V=1 shows the commands; BUILD=DIR puts the objects
# elsewhere; CI=true makes warnings errors.

VERSION := 0.1.0

BUILD   ?= build
HTTPLAT ?= httplat
PREFIX  ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
MANDIR  ?= $(PREFIX)/share/man

CLANG      ?= clang
LLVM_STRIP ?= llvm-strip
BPFTOOL    ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config
AR         ?= ar

# Where tools/setup unpacks what the distribution doesn't have.
HTTPLAT_DEPS ?= /usr/local/lib/httplat-deps
MULTIARCH    := $(shell uname -m)-linux-gnu

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
ALL_CPPFLAGS := -D_GNU_SOURCE= -I. -I$(BUILD)/bpf -Iuser -DHTTPLAT_VERSION='"$(VERSION)"' $(CPPFLAGS)
ALL_CFLAGS   := -std=gnu11 $(WARNINGS) -fno-common -fstack-protector-strong $(CFLAGS)
SAN_CFLAGS   := -std=gnu11 $(WARNINGS) -fno-common -O1 -g -fno-omit-frame-pointer \
		-fsanitize=address,undefined -fno-sanitize-recover=all
DEPFLAGS      = -MMD -MP

# llhttp: aside (Debian 12), or the distribution's.
ifneq ($(wildcard $(HTTPLAT_DEPS)/usr/include/llhttp.h),)
ALL_CPPFLAGS += -isystem $(HTTPLAT_DEPS)/usr/include
LLHTTP_A     := $(firstword $(wildcard $(HTTPLAT_DEPS)/usr/lib/*/libllhttp.a))
else
LLHTTP_A     := -l:libllhttp.a
endif
LIBS        := $(LLHTTP_A) -lpcap -lbpf -lelf -lz -lyajl
# From Debian 13 on, libelf.a wants zstd.
STATIC_LIBS := $(LLHTTP_A) -lpcap -ldbus-1 -lbpf -lelf -lz -l:libyajl_s.a -lpthread \
	$(if $(wildcard /usr/lib/$(MULTIARCH)/libzstd.a),-lzstd)

BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wno-unused-function \
	-D__TARGET_ARCH_$(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(firstword \
	$(subst -, ,$(MULTIARCH))))) -I. -idirafter /usr/include/$(MULTIARCH)
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
.PHONY: all static unit asan bpf test test-build demo vmtest fuzz-quick setup install clean help

all: $(HTTPLAT)

help:
	@echo 'make              build ./httplat'
	@echo 'make static       build ./httplat-static, which needs no library of the host'
	@echo 'make demo         install what is missing, build, trace a small real workload'
	@echo 'make test         install what is missing, build, run every test'
	@echo 'make unit         build and run the unit tests alone (ASan, UBSan)'
	@echo 'make vmtest       trace on other kernels, in QEMU (minutes)'
	@echo 'make fuzz-quick   fuzz each entry point for a minute'
	@echo 'make setup        install what building needs (as root)'
	@echo 'make install      into DESTDIR, below PREFIX ($(PREFIX))'
	@echo 'make clean        remove everything that was built'
	@echo
	@echo 'V=1 shows commands, CI=true makes warnings errors, BUILD=DIR builds elsewhere'

# --- what has to be there --------------------------------------------------------------------------

# Tools and headers, each with the package that holds it.
NEED_TOOLS   := $(firstword $(CC)):gcc $(CLANG):clang $(LLVM_STRIP):llvm $(BPFTOOL):bpftool
NEED_HEADERS := stdio.h:libc6-dev bpf/libbpf.h:libbpf-dev libelf.h:libelf-dev zlib.h:zlib1g-dev \
	pcap/pcap.h:libpcap-dev yajl/yajl_gen.h:libyajl-dev llhttp.h:libllhttp-dev

$(READY):
	@mkdir -p $(@D)
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
		echo "Run 'make setup' as root: it installs them (and llhttp where Debian 12 lacks it)." >&2; \
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

static: $(HTTPLAT)-static

# ld warns of every name look-up that glibc leaves to shared libraries even then; libpcap has some (`host
# NAME` in a filter), and there it says at run time that the name is unknown.
STATIC_LDFLAGS := -static -s -Wl,--no-warnings

$(HTTPLAT)-static: $(MAIN_OBJ) $(BUILD)/librest.a $(BUILD)/libcore.a $(BUILD)/tools/static_stubs.o
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

$(BUILD)/tests/unit/%: $(BUILD)/san/tests/unit/%.o $(BUILD)/san/libunit.a $(BUILD)/san/libhttplat.a
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(SAN_CFLAGS) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

# Builds every unit test with AddressSanitizer and UndefinedBehaviorSanitizer.
asan: $(UNIT_BIN)

unit: $(UNIT_BIN)
	$(Q)BUILD=$(BUILD) tests/run unit

test-build: $(HTTPLAT) $(BUILD)/libcore.a asan
	@:

# tools/setup runs first, so the rest is a second make: it sees what was installed.
test:
	$(Q)tools/setup --test
	$(Q)$(MAKE) --no-print-directory test-build
	$(Q)BUILD=$(BUILD) HTTPLAT=./$(HTTPLAT) tests/run

demo:
	$(Q)tools/setup --demo
	$(Q)$(MAKE) --no-print-directory $(HTTPLAT)
	$(Q)HTTPLAT=./$(HTTPLAT) tools/demo

vmtest:
	$(Q)tools/setup --vm
	$(Q)$(MAKE) --no-print-directory static
	$(Q)BUILD=$(BUILD) HTTPLAT_STATIC=./$(HTTPLAT)-static tests/vm/run

FUZZ_SECONDS ?= 60
FUZZ_CFLAGS  := -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all

# What reads hostile bytes: the pure middle and the capture files.
FUZZED_SRC   := $(CORE_SRC) $(wildcard user/file/*.c) user/diag.c

$(BUILD)/tests/fuzz/%: tests/fuzz/%.c $(FUZZED_SRC) | $(READY)
	@mkdir -p $(@D)
	$(call say,FUZZ,$@)
	$(Q)$(CLANG) $(ALL_CPPFLAGS) $(FUZZ_CFLAGS) -o $@ $^ $(LLHTTP_A) -lpcap

fuzz-quick: $(FUZZ_BIN)
	$(Q)[ -n "$(FUZZ_BIN)" ] || { echo 'There is no tests/fuzz/fuzz_*.c.' >&2; exit 1; }
	$(Q)for bin in $(FUZZ_BIN); do \
		corpus=$(BUILD)/fuzz/$$(basename $$bin); \
		mkdir -p $$corpus; \
		seeds=tests/fuzz/seeds/$$(basename $$bin); \
		[ -d $$seeds ] || seeds=; \
		$$bin -max_total_time=$(FUZZ_SECONDS) -timeout=10 -artifact_prefix=$$corpus- \
			$$corpus $$seeds || exit 1; \
	done

# --- the rest --------------------------------------------------------------------------------------

setup:
	$(Q)tools/setup

install: $(HTTPLAT)
	install -D -m 755 $(HTTPLAT) $(DESTDIR)$(SBINDIR)/httplat
	[ ! -e httplat.8 ] || install -D -m 644 httplat.8 $(DESTDIR)$(MANDIR)/man8/httplat.8

clean:
	rm -rf $(BUILD) $(HTTPLAT) $(HTTPLAT)-static

-include $(BPF_OBJ:.o=.d) $(CORE_OBJ:.o=.d) $(REST_OBJ:.o=.d) $(MAIN_OBJ:.o=.d) \
	$(CORE_SAN:.o=.d) $(REST_SAN:.o=.d) $(UNIT_OBJ:.o=.d) $(UNIT_AUX:.o=.d)
