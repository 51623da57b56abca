/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value -- a field's value from text: the command line and CSV have only text.
 */
#ifndef ADMIN_VALUE_H
#define ADMIN_VALUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Numbers for the fields that are numbers (lat, visits ...), true and false
 * for the marks of a line (bulk, imported), lists split at ';' for sets
 * (campaign), text otherwise.  The empty text is null.  A new reference.
 */
json_t *tc_value_typed(const char *name, const char *text);
/* "NAME=VALUE" or "NAME:=JSON" into an object; false if it is neither or no JSON. */
bool tc_value_assign(json_t *object, const char *assignment);
/* A value as people read it; malloc'ed. */
char *tc_value_show(const json_t *value);
/* The changes of an op, {"status":"closed","at":..}, as "status=closed at=.."; malloc'ed. */
char *tc_value_changes(const json_t *changes);

#endif
