# SPDX-License-Identifier: Apache-2.0
# What a program with tests/lib/nomem.o is linked with.
NOMEM_LDFLAGS := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free
