/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out_json -- the daemon's data as it wrote it, and key by key for plain.
 */
#ifndef ADMIN_OUT_JSON_H
#define ADMIN_OUT_JSON_H

#include "admin/args.h"

#include <jansson.h>

/*
 * One document: the daemon's own text; on a terminal indented and with the
 * characters escaped that could drive it.
 */
void tc_out_json_print(const json_t *data, const char *raw, size_t raw_size);
/* One line for each item of the member `list`; the whole if there is none. */
void tc_out_json_lines(const json_t *data, const char *list);
/* "upstream.state<TAB>up" (plain) or the same as csv. */
void tc_out_json_flat(const json_t *data, enum tc_format format);

#endif
