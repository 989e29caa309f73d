# heapwatch: which callsites hold a process's memory.
# `make help` lists the targets.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

PREFIX  ?= /usr/local
# make ARCH=arm64: a cross build, with Debian's arm64 libraries in a directory of its own.
ARCH    ?= $(shell uname -m)
HOST    := $(shell uname -m)
MACHINE := $(patsubst arm64,aarch64,$(ARCH))
CROSS   := $(filter-out $(HOST),$(MACHINE))
BUILD   ?= $(if $(CROSS),build-$(ARCH),build)
CC      := $(if $(filter default undefined,$(origin CC)),$(if $(CROSS),$(MACHINE)-linux-gnu-)gcc,$(CC))
SYSROOT := $(if $(CROSS),$(abspath $(BUILD))/sysroot)
READY   := $(if $(CROSS),$(SYSROOT)/done)
override CC += $(SYSROOT:%=--sysroot=%)
CXX     := $(if $(filter default undefined,$(origin CXX)),$(if $(CROSS),$(MACHINE)-linux-gnu-)g++,$(CXX))
override CXX += $(SYSROOT:%=--sysroot=%)
CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
PYTHON  ?= /usr/bin/python3
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)
say      = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' $(1) $(2))

BPFARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(MACHINE)))
UAPI    := $(if $(CROSS),$(SYSROOT)/usr/include/$(MACHINE)-linux-gnu,$(wildcard /usr/include/$(MACHINE)-linux-gnu))

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
CFLAGS  ?= -O2 -g
CSTD    := -std=gnu11 -D_GNU_SOURCE=
INCLUDE := -I$(BUILD)/skel -Iinclude -Isrc
PURE_LIBS := -lelf -ldw -lcapstone -liberty -ljansson -lsqlite3 -lprotobuf-c -lz -lmicrohttpd -lgnutls -lyaml -lcrypt -lpthread -lm
LIBS    := -lbpf -lcap -lncursesw -ltinfo $(PURE_LIBS)

BPF_CFLAGS := -O2 -g -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPFARCH) -Wall -Werror \
              -Iinclude -Ivmlinux -Ibpf $(addprefix -I,$(UAPI))

SRC      := $(wildcard src/*.c src/*/*.c)
# Generated, with their headers in a directory of their own.
GEN      := $(BUILD)/skel/profile.pb-c
# What needs the BPF objects, or belongs to the program alone; the rest is what unit tests link.
LOADED   := $(wildcard src/app/*.c) src/tui/term.c $(addprefix src/probe/,probes.c probes_members.c feature.c links.c rings.c syscalls.c system.c attach.c attach_file.c levels.c put.c sweeper.c touches.c trial.c) src/unwind/row_pages.c src/unwind/tables.c src/main.c
PURE     := $(filter-out $(LOADED),$(SRC))
OBJ      := $(SRC:%.c=$(BUILD)/obj/%.o) $(GEN).o
BPF_MAIN := $(filter-out bpf/feature.bpf.c bpf/system.bpf.c bpf/trial.bpf.c,$(wildcard bpf/*.bpf.c))
SKELS    := $(BUILD)/skel/heapwatch.skel.h $(BUILD)/skel/feature.skel.h $(BUILD)/skel/system.skel.h $(BUILD)/skel/trial.skel.h
TESTS    := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
FUZZ     := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FIXTURES := $(patsubst tests/fixtures/%.c,$(BUILD)/fixtures/%,$(wildcard tests/fixtures/*.c tests/fixtures/nofp/*.c))
BENCHES  := $(BUILD)/bench/pair $(BUILD)/bench/empty $(BUILD)/bench/bench_ledger $(BUILD)/bench/bench_drain $(BUILD)/bench/crowd $(BUILD)/bench/syscalls $(BUILD)/bench/linger.so

.PHONY: all deb demo test test-unit test-bpf test-vm fuzz fuzz-run check bench install clean help deps fixtures programs
all: $(BUILD)/heapwatch

help:
	@echo 'make            build $(BUILD)/heapwatch'
	@echo 'make demo       install what is missing, build, watch a small workload (root)'
	@echo 'make test       install what is missing, build, run every test (root)'
	@echo 'make test-unit  the tests that need no root     make test-bpf  those with real probes'
	@echo 'make test-vm    those with real probes on Debian kernels 6.1 and 6.12, in qemu (root)'
	@echo 'make ARCH=arm64 [test-unit|test-vm]  a cross build in build-arm64; its tests under qemu-user and qemu'
	@echo 'make check      formatting, layers, headers, gcc and clang without warnings'
	@echo 'make fuzz       build the fuzz targets          make fuzz-run  run each for FUZZ_SECONDS'
	@echo 'make bench      what watching costs, as ratios (root)'
	@echo 'make install    into DESTDIR and PREFIX         make deb    a Debian package'
	@echo 'make clean'

# ---- the program ---------------------------------------------------------------------------------

$(BUILD)/heapwatch: $(OBJ)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/obj/%.o: %.c | $(SKELS)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CSTD) $(CFLAGS) $(WARN) $(WERROR) $(INCLUDE) -MMD -MP -c -o $@ $<

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c | $(READY)
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/bpf/heapwatch.o: $(BPF_MAIN:bpf/%.bpf.c=$(BUILD)/bpf/%.bpf.o)
$(BUILD)/bpf/feature.o: $(BUILD)/bpf/feature.bpf.o
$(BUILD)/bpf/system.o: $(BUILD)/bpf/system.bpf.o
$(BUILD)/bpf/trial.o: $(BUILD)/bpf/trial.bpf.o
$(BUILD)/bpf/heapwatch.o $(BUILD)/bpf/feature.o $(BUILD)/bpf/system.o $(BUILD)/bpf/trial.o:
	$(call say,BPFLD,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(BUILD)/skel/%.skel.h: $(BUILD)/bpf/%.o
	$(call say,SKEL,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf >$@

$(BUILD)/skel/%.pb-c.c $(BUILD)/skel/%.pb-c.h: src/out/%.proto
	$(call say,PROTO,$<)
	$(Q)mkdir -p $(@D)
	$(Q)protoc-c --c_out=$(@D) --proto_path=$(<D) $<

# Nothing of ours is in it: no warnings, no sanitizers.
$(BUILD)/skel/%.pb-c.o: $(BUILD)/skel/%.pb-c.c | $(READY)
	$(Q)$(CC) $(CSTD) $(CFLAGS) -c -o $@ $<

$(BUILD)/obj/src/out/pprof.o $(BUILD)/asan/src/out/pprof.o $(BUILD)/fuzz/src/out/pprof.o: | $(GEN).h

# The page is taken in by the assembler.
$(BUILD)/obj/src/out/html_page.o $(BUILD)/asan/src/out/html_page.o $(BUILD)/fuzz/src/out/html_page.o: $(wildcard src/out/html/*)

ifneq ($(CROSS),)
$(READY): tests/sysroot.sh
	$(call say,ROOT,$(@D))
	$(Q)sh tests/sysroot.sh $(@D)
endif

# ---- tests ---------------------------------------------------------------------------------------

# Not in a cross build: they do not run under qemu-user.
SANITIZE := $(if $(CROSS),,-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
ASAN_OBJ := $(PURE:%.c=$(BUILD)/asan/%.o) $(GEN).o
FUZZ_OBJ := $(PURE:%.c=$(BUILD)/fuzz/%.o) $(GEN).o

$(BUILD)/asan/%.o: %.c | $(READY)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CSTD) -O1 -g $(WARN) $(SANITIZE) $(INCLUDE) -MMD -MP -c -o $@ $<

$(BUILD)/asan/libhw.a: $(ASAN_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/asan/libhw.a
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CSTD) -O1 -g -Wall -Wextra -Wshadow $(SANITIZE) $(INCLUDE) -MMD -MP -o $@ $< \
		$(BUILD)/asan/libhw.a -lcmocka $(PURE_LIBS)

$(BUILD)/fuzz/src/%.o: src/%.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(CSTD) -O1 -g -fsanitize=fuzzer-no-link,address,undefined $(INCLUDE) -MMD -MP \
		-c -o $@ $<

$(BUILD)/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_OBJ)
	$(call say,FUZZ,$@)
	$(Q)$(CLANG) $(CSTD) -O1 -g -fsanitize=fuzzer,address,undefined -Iinclude -Isrc -o $@ $^ $(PURE_LIBS)

# As distributions build: no frame pointers.
NOFP := -O2 -g -Wall -Wextra -fno-builtin -fomit-frame-pointer -Iinclude -MMD -MP
$(BUILD)/fixtures/nofp/%: tests/fixtures/nofp/%.c
	$(call say,FIX,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CSTD) $(NOFP) -o $@ $< -lpthread $(FIXTURE_LIBS)
FIXTURES += $(addprefix $(BUILD)/fixtures/nofp/,chains-static chains-stripped throws lib/late.so)
# Return addresses are signed on arm64 only, the trap flag is x86-64's.
ifeq ($(MACHINE),aarch64)
FIXTURES := $(filter-out %/plt,$(FIXTURES)) $(BUILD)/fixtures/nofp/chains-signed
endif
$(BUILD)/fixtures/nofp/chains-signed: tests/fixtures/nofp/chains.c
	$(call say,FIX,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CSTD) $(NOFP) -mbranch-protection=standard -o $@ $< -lpthread
$(BUILD)/fixtures/nofp/late: FIXTURE_LIBS := -ldl
$(BUILD)/fixtures/nofp/plt: FIXTURE_LIBS := -no-pie -fno-pie -fno-pic -fcf-protection=none -Wl,-z,lazy
$(BUILD)/fixtures/nofp/%-static: tests/fixtures/nofp/%.c
	$(call say,FIX,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CSTD) $(NOFP) -static -o $@ $< -lpthread
$(BUILD)/fixtures/nofp/%.so: tests/fixtures/nofp/%.c
	$(call say,FIX,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CSTD) $(NOFP) -shared -fPIC -o $@ $<
$(BUILD)/fixtures/nofp/%: tests/fixtures/nofp/%.cc
	$(call say,FIX,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CXX) -O2 -g -Wall -Wextra -fno-builtin -fomit-frame-pointer -MMD -MP -o $@ $<
$(BUILD)/fixtures/nofp/%-stripped: $(BUILD)/fixtures/nofp/%
	$(Q)$(if $(CROSS),$(MACHINE)-linux-gnu-)strip -o $@ $<

# Frame pointers and no sibling calls: a fixture's callsites must be what its source says.
$(BUILD)/fixtures/%: tests/fixtures/%.c
	$(call say,FIX,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CSTD) -O1 -g -Wall -Wextra -fno-builtin -fno-omit-frame-pointer \
		-fno-optimize-sibling-calls -MMD -MP -o $@ $< -lpthread

# The same, with an allocator linked: in the program, and as a library.
$(BUILD)/fixtures/own-tcmalloc: tests/fixtures/own.c
	$(call say,FIX,$@)
	$(Q)$(CXX) -x c $(CSTD) -O1 -g -Wall -Wextra -fno-builtin -rdynamic -MMD -MP -o $@ $< -x none \
		-Wl,--whole-archive -l:libtcmalloc_minimal.a -Wl,--no-whole-archive -lpthread
$(BUILD)/fixtures/own-jemalloc: tests/fixtures/own.c
	$(call say,FIX,$@)
	$(Q)$(CC) $(CSTD) -O1 -g -Wall -Wextra -fno-builtin -rdynamic -MMD -MP -o $@ $< \
		-l:libjemalloc.a -lm -lpthread -ldl
$(BUILD)/fixtures/own-mimalloc: tests/fixtures/own.c
	$(call say,FIX,$@)
	$(Q)$(CC) $(CSTD) -O1 -g -Wall -Wextra -fno-builtin -MMD -MP -o $@ $< \
		-Wl,--no-as-needed -lmimalloc -lpthread
# As far as there are such libraries; of a cross build none.
have = $(if $(wildcard /usr/lib/*/$1 /usr/lib64/$1),$2)
OWN := $(if $(CROSS),,$(addprefix $(BUILD)/fixtures/,own $(call have,libtcmalloc_minimal.a,own-tcmalloc) \
	$(call have,libmimalloc.so,own-mimalloc) $(call have,libjemalloc.a,own-jemalloc)))
$(addprefix $(BUILD)/unit/test_,jemalloc tcmalloc mimalloc): | $(OWN)

$(BUILD)/bench/pair $(BUILD)/bench/crowd $(BUILD)/bench/syscalls: $(BUILD)/bench/%: tests/bench/%.c
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CSTD) -O2 -g -Wall -Wextra -fno-builtin -fno-omit-frame-pointer -o $@ $<

$(BUILD)/bench/%: tests/bench/%.c $(PURE:%.c=$(BUILD)/obj/%.o) $(GEN).o | $(SKELS)
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CSTD) $(CFLAGS) -Wall -Wextra $(INCLUDE) -o $@ $(filter-out %.bpf.o,$^) $(LIBS)

$(BUILD)/bench/linger.so: tests/bench/linger.c
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CSTD) -O2 -Wall -Wextra -fPIC -shared -o $@ $<
$(BUILD)/bench/tracer.so: tests/bench/tracer.c src/model/signature.c tests/bench/tracer_contents.h tests/bench/trace.h src/model/signature.h
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CSTD) -O2 -g -Wall -Wextra -Wshadow -fPIC -shared -fno-builtin -fno-optimize-sibling-calls -Isrc -o $@ $(filter %.c,$^)
$(BUILD)/unit/test_traces: | $(BUILD)/bench/tracer.so

$(BUILD)/bench/bench_drain: $(BUILD)/obj/src/probe/rings.o $(BUILD)/bench/flood.bpf.o
$(BUILD)/bench/flood.bpf.o: tests/bench/flood.bpf.c
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

fixtures: $(FIXTURES) $(OWN)
# The grid's, which tests make where they are not there: an emulated machine takes long for that.
programs: all
	$(Q)$(PYTHON) tests/bpf/test_grid.py --build $(BUILD) --programs
test-unit: $(TESTS:%=$(BUILD)/unit/%)
	$(Q)$(PYTHON) tests/run.py --build $(BUILD) $(if $(CROSS),--emulator 'qemu-$(MACHINE)-static -L $(SYSROOT)') unit
test-bpf: all fixtures
	$(Q)$(PYTHON) tests/run.py --build $(BUILD) bpf
test-vm: all fixtures $(if $(CROSS),,programs) $(if $(CROSS),$(addprefix $(BUILD)/unit/,test_names test_names_files test_rows test_mimalloc))
	$(Q)$(PYTHON) tests/run.py --build $(BUILD) $(if $(CROSS),vm-$(BPFARCH),vm-whole)
fuzz: $(FUZZ:%=$(BUILD)/fuzz/%)
FUZZ_SECONDS ?= 60
fuzz-run: fuzz
	$(Q)$(PYTHON) tests/run.py --build $(BUILD) --fuzz-seconds $(FUZZ_SECONDS) fuzz
check:
	$(Q)$(PYTHON) tests/run.py --build $(BUILD) check

deps:
	$(Q)sh tests/deps.sh

# A make of its own: what is there to build is known only once the tools are.
test: deps
	$(Q)$(MAKE) --no-print-directory all fixtures fuzz $(TESTS:%=$(BUILD)/unit/%)
	$(Q)$(PYTHON) tests/run.py --build $(BUILD) check unit fuzz bpf vm

demo: deps
	$(Q)$(MAKE) --no-print-directory all fixtures
	$(Q)sh tests/demo.sh $(BUILD)

bench: all fixtures $(BENCHES)
	$(Q)$(BUILD)/bench/bench_ledger
	$(Q)$(BUILD)/bench/bench_drain $(BUILD)/bench/flood.bpf.o
	$(Q)$(PYTHON) tests/bench/bench.py $(BUILD)
	$(Q)$(PYTHON) tests/bench/allocators.py $(BUILD)
	$(Q)$(PYTHON) tests/bench/export.py $(BUILD)
	$(Q)$(PYTHON) tests/bench/top.py $(BUILD)
	$(Q)$(PYTHON) tests/bench/tree.py $(BUILD)
	$(Q)$(PYTHON) tests/bench/budget.py $(BUILD)
	$(Q)$(PYTHON) tests/bench/levels.py $(BUILD)

SHARE := $(DESTDIR)$(PREFIX)/share
install: all
	install -Dm755 $(BUILD)/heapwatch $(DESTDIR)$(PREFIX)/bin/heapwatch
	install -Dm644 contrib/heapwatch.1 $(SHARE)/man/man1/heapwatch.1
	install -Dm644 contrib/heapwatch.bash $(SHARE)/bash-completion/completions/heapwatch
	install -Dm644 contrib/_heapwatch $(SHARE)/zsh/site-functions/_heapwatch
	install -Dm644 -t $(SHARE)/doc/heapwatch README.md LICENSE contrib/metrics.md contrib/rules.example \
		contrib/alerts.yml contrib/grafana.json contrib/kubernetes.yaml contrib/Dockerfile
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@PREFIX@|$(PREFIX)|' contrib/heapwatch.service.in \
		>$(DESTDIR)$(PREFIX)/lib/systemd/system/heapwatch.service

VERSION := $(shell sed -n 's/.*HEAPWATCH_VERSION "\(.*\)"/\1/p' src/app/command.h)
deb:
	$(Q)rm -rf $(BUILD)/deb
	$(Q)$(MAKE) --no-print-directory install DESTDIR=$(abspath $(BUILD)/deb/root) PREFIX=/usr
	$(Q)sh contrib/deb.sh $(BUILD) $(VERSION)

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name sysroot -prune -o -name '*.d' -type f -print 2>/dev/null)
