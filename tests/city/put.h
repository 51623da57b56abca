/* SPDX-License-Identifier: Apache-2.0 */
/*
 * put -- one local write, field by field.  Texts are borrowed until the step.
 */
#ifndef TESTS_CITY_PUT_H
#define TESTS_CITY_PUT_H

#include "tests/city/city.h"

struct city_put {
	struct rep_write write;
	struct rep_value values[16];
};

enum city_ticket { CITY_T_CASE = 1, CITY_T_EDIT, CITY_T_RESOLVE, CITY_T_ORDER, CITY_T_RUNG };

void city_put_init(struct city_put *put, uint8_t kind, enum city_ticket ticket, uint64_t index);
void city_put_rec(struct city_put *put, const struct tr_rec_id *id);
void city_put_text(struct city_put *put, const char *field, const char *text);
void city_put_add(struct city_put *put, const char *field, const char *text); /* to a list */
void city_put_int(struct city_put *put, const char *field, int64_t value);
void city_put_bytes(struct city_put *put, const char *field, const void *data, size_t size);
void city_put_status(struct city_put *put, const char *name);
/* Steps it at `host`; the record's home is `scope`.  false: the machine is off. */
bool city_put_do(struct city *c, uint32_t host, uint32_t scope, struct city_put *put);

#endif
