/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sys -- the only place that asks for the time and for randomness.
 *
 * Threads: any.
 */
#ifndef DAEMON_SYS_H
#define DAEMON_SYS_H

#include "proto/vocab.h"

struct tr_wall_ms td_sys_wall(void);
struct tr_mono_ms td_sys_mono(void);
uint64_t td_sys_mono_us(void);
/* Fills from the kernel's generator. */
void td_sys_random(void *out, size_t size);

#endif
