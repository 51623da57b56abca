/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/mem.h"

#include "proto/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

static _Noreturn void out_of_memory(void)
{
	fprintf(stderr, "terracectl: %s (%s)\n", tr_err_message(TR_E_NOMEM),
	    tr_err_code(TR_E_NOMEM));
	exit(tr_err_exit(TR_E_NOMEM));
}

/* Text of the command line in another character set; the daemon takes UTF-8 only. */
static _Noreturn void not_utf8(const char *key)
{
	fprintf(stderr, "terracectl: %s: %s (%s)\n", key,
	    tr_err_message(TR_E_UTF8), tr_err_code(TR_E_UTF8));
	exit(tr_err_exit(TR_E_UTF8));
}

void *tc_mem_alloc(size_t count, size_t size)
{
	void *p = calloc(count > 0 ? count : 1, size);

	if (p == NULL)
		out_of_memory();
	return p;
}

void *tc_mem_resize(void *old, size_t count, size_t size)
{
	void *p = reallocarray(old, count > 0 ? count : 1, size);

	if (p == NULL)
		out_of_memory();
	return p;
}

char *tc_mem_slice(const char *text, size_t size)
{
	char *copy = tc_mem_alloc(size + 1, 1);

	memcpy(copy, text, size);
	return copy;
}

char *tc_mem_text(const char *text)
{
	return tc_mem_slice(text, strlen(text));
}

char *tc_mem_format(const char *format, ...)
{
	va_list args;
	char *text = NULL;
	int size;

	va_start(args, format);
	size = vasprintf(&text, format, args);
	va_end(args);
	if (size < 0)
		out_of_memory();
	return text;
}

json_t *tc_mem_json(json_t *value)
{
	if (value == NULL)
		out_of_memory();
	return value;
}

void tc_mem_set(json_t *object, const char *key, json_t *take_value)
{
	if (take_value != NULL &&
	    json_object_set_new(object, key, take_value) != 0)
		out_of_memory();
}

void tc_mem_set_text(json_t *object, const char *key, const char *text)
{
	if (text == NULL)
		return;
	if (u8_check((const uint8_t *)text, strlen(text)) != NULL)
		not_utf8(key);
	tc_mem_set(object, key, tc_mem_json(json_string(text)));
}
