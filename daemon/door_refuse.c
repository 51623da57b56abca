/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with a line, in words; and the comparison that all need. */
#include "daemon/door_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/text.h"

int td_door_refuse(struct td_door *door, int rc, struct tr_bytes field, const char *format, ...)
{
	struct td_door_error *e = door->error;
	va_list args;

	e->rc = rc;
	snprintf(e->field, sizeof(e->field), "%.*s",
	    (int)(field.size < 40 ? field.size : 40),
	    field.size > 0 ? (const char *)field.data : "");
	va_start(args, format);
	vsnprintf(e->message, sizeof(e->message), format, args);
	va_end(args);
	td_text_clean(e->field);
	td_text_clean(e->message);
	td_text_clean(e->hint);
	return rc;
}

bool td_door_is(struct tr_bytes a, const char *b)
{
	return a.size == strlen(b) && memcmp(a.data, b, a.size) == 0;
}

int td_door_wrong_type(struct td_door *door, const struct td_door_member *m, const char *want)
{
	return td_door_refuse(door, TR_E_TYPE, m->name, "%.*s must be %s, not %s",
	    TD_DOOR_NAME(m), want, td_json_type_name(m->value.type));
}
