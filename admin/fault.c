/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/fault.h"

#include "admin/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void set(struct tc_fault *fault, int rc, const char *format, va_list args)
{
	fault->exit_code = tr_err_exit(rc);
	fault->hint[0] = '\0';
	snprintf(fault->code, sizeof(fault->code), "%s", tr_err_code(rc));
	if (format == NULL)
		snprintf(fault->text, sizeof(fault->text), "%s",
		    tc_text_of(tr_err_message(rc)));
	else
		vsnprintf(fault->text, sizeof(fault->text), format, args);
}

int tc_fault_set(struct tc_fault *fault, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set(fault, rc, format, args);
	va_end(args);
	return fault->exit_code;
}

void tc_fault_hint(struct tc_fault *fault, const char *format, ...)
{
	size_t used = strlen(fault->hint);
	va_list args;

	if (used + 2 >= sizeof(fault->hint))
		return;
	if (used > 0)
		fault->hint[used++] = '\n';
	va_start(args, format);
	vsnprintf(fault->hint + used, sizeof(fault->hint) - used, format, args);
	va_end(args);
}

int tc_fault_print(const struct tc_fault *fault)
{
	char text[TC_FAULT_TEXT], line[TC_FAULT_TEXT], code[TC_FAULT_CODE];
	const char *at = fault->hint;

	fflush(stdout);
	snprintf(text, sizeof(text), "%s", fault->text);
	snprintf(code, sizeof(code), "%s", fault->code);
	fprintf(stderr, "terracectl: %s (%s)\n", tc_text_clean_in(text),
	    tc_text_clean_in(code));
	while (*at != '\0') {
		size_t size = strcspn(at, "\n");

		snprintf(line, sizeof(line), "%.*s", (int)size, at);
		fprintf(stderr, "  %s\n", tc_text_clean_in(line));
		at += size + (at[size] == '\n');
	}
	return fault->exit_code;
}

int tc_fault_say(int rc, const char *format, ...)
{
	struct tc_fault fault;
	va_list args;

	va_start(args, format);
	set(&fault, rc, format, args);
	va_end(args);
	return tc_fault_print(&fault);
}

int tc_fault_advise(int rc, const char *hint, const char *format, ...)
{
	struct tc_fault fault;
	va_list args;

	va_start(args, format);
	set(&fault, rc, format, args);
	va_end(args);
	if (hint != NULL)
		tc_fault_hint(&fault, "%s", hint);
	return tc_fault_print(&fault);
}

int tc_fault_rc(const char *code)
{
	static const struct {
		const char *code;
		int rc;
	} rows[] = {
#define X(name, number, stable, exit_code, message) {stable, number},
#include "proto/errors.def"
#undef X
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].code, code) == 0)
			return rows[i].rc;
	return TR_E_INTERNAL;
}
