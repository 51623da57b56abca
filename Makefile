# SPDX-License-Identifier: Apache-2.0
# Terrace.  `make help` lists the targets.
MAKEFLAGS += --no-builtin-rules
SHELL      := /bin/bash
CONFIG     ?= release
B          := build/$(CONFIG)
PREFIX     ?= /usr/local
DESTDIR    ?=
VERSION    := $(shell cat VERSION 2>/dev/null || echo 0.1.0)
COMMIT     := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
CC         ?= gcc
ifeq ($(origin CC),default)
CC         := gcc
endif
Q          := $(if $(V),,@)

PKGS_PROTO  := libprotobuf-c libsodium
PKGS_DAEMON := libzmq lmdb libzstd libxxhash libfyaml jansson libseccomp
PKGS_ADMIN  := jansson smartcols libzstd libsodium

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wcast-qual -Wstrict-prototypes -Wmissing-prototypes \
        -Wundef -Wvla -Wformat=2 -Wnull-dereference -Wlogical-op -Wno-sign-conversion -Wno-missing-field-initializers
ifeq ($(CI),true)
WARN += -Werror
endif
HARD := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
LDHARD := -pie -Wl,-z,relro,-z,now
OPT_release := -O2 -g -D_FORTIFY_SOURCE=2
OPT_debug   := -O0 -g
OPT_asan    := -O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
OPT_tsan    := -O1 -g -fsanitize=thread
OPT_cov     := -O0 -g --coverage -fprofile-update=atomic
CFLAGS  += -std=c17 $(OPT_$(CONFIG)) $(HARD) -I. -I$(B) -MMD -MP
LDFLAGS += $(OPT_$(CONFIG)) $(LDHARD)
DEFS := -DTERRACE_VERSION='"$(VERSION)"' -DTERRACE_COMMIT='"$(COMMIT)"' -DTERRACE_LOCALEDIR='"$(PREFIX)/share/locale"'

pkg = $(shell pkg-config $(1) $(2) 2>/dev/null)

SRC_PROTO  := $(filter-out proto/control.c,$(wildcard proto/*.c))
SRC_CTLLIB := $(wildcard proto/control.c)
SRC_REP    := $(wildcard replication/*.c)
SRC_DAEMON := $(wildcard daemon/*.c)
SRC_ADMIN  := $(wildcard admin/*.c)
PB         := $(B)/proto/record.pb-c $(B)/proto/wire.pb-c
obj = $(patsubst %.c,$(B)/%.o,$(1))

LIB_PROTO := $(B)/libproto.a
LIB_REP   := $(B)/libreplication.a

.PHONY: all help
all: $(B)/terraced $(B)/terracectl build/terraced build/terracectl ## build the two programs
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | expand -t 22

build/terraced build/terracectl: build/%: $(B)/%
	$(Q)ln -sfn $(patsubst build/%,%,$(B))/$* $@

$(B)/proto/%.pb-c.c $(B)/proto/%.pb-c.h: proto/%.proto
	@mkdir -p $(@D); echo "  PROTO $<"
	$(Q)protoc-c --c_out=$(B) $<
.SECONDARY: $(addsuffix .c,$(PB)) $(addsuffix .h,$(PB))

# Generated code keeps its own style: no warnings of ours.
$(B)/proto/%.pb-c.o: $(B)/proto/%.pb-c.c $(B)/proto/%.pb-c.h
	@echo "  CC    $<"
	$(Q)$(CC) $(CFLAGS) $(call pkg,--cflags,$(PKGS_PROTO)) -c -o $@ $<
$(B)/proto/%.o $(B)/replication/%.o: EXTRA = $(call pkg,--cflags,$(PKGS_PROTO)) $(DEFS)
$(B)/proto/control.o: EXTRA = -D_GNU_SOURCE $(call pkg,--cflags,$(PKGS_ADMIN)) $(DEFS)
$(B)/daemon/%.o: EXTRA = -D_GNU_SOURCE $(call pkg,--cflags,$(PKGS_PROTO) $(PKGS_DAEMON)) $(DEFS)
$(B)/admin/%.o: EXTRA = -D_GNU_SOURCE $(call pkg,--cflags,$(PKGS_ADMIN)) $(DEFS)
$(B)/tests/%.o: EXTRA = -D_GNU_SOURCE $(call pkg,--cflags,$(PKGS_PROTO) $(PKGS_DAEMON) cmocka) $(DEFS)
$(B)/%.o: %.c | $(addsuffix .h,$(PB))
	@mkdir -p $(@D); echo "  CC    $<"
	$(Q)$(CC) $(CFLAGS) $(WARN) $(EXTRA) -c -o $@ $<

$(LIB_PROTO): $(call obj,$(SRC_PROTO)) $(addsuffix .o,$(PB))
	@echo "  AR    $@"; rm -f $@
	$(Q)ar rcs $@ $^
$(LIB_REP): $(call obj,$(SRC_REP))
	@echo "  AR    $@"; rm -f $@
	$(Q)ar rcs $@ $^

$(B)/terraced: $(call obj,$(SRC_DAEMON) $(SRC_CTLLIB)) $(LIB_REP) $(LIB_PROTO)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call pkg,--libs,$(PKGS_DAEMON) $(PKGS_PROTO)) -lev -lunistring -lm -pthread
$(B)/terracectl: $(call obj,$(SRC_ADMIN) $(SRC_CTLLIB)) $(B)/proto/err.o
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call pkg,--libs,$(PKGS_ADMIN)) -lunistring -lm

-include $(wildcard tests/*.mk tests/*/*.mk docs/*.mk po/*.mk docker/*.mk)
-include $(wildcard $(B)/*/*.d $(B)/*/*/*.d)
