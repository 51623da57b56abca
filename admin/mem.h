/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mem -- memory for a short-lived tool: it is there or the tool ends (71).
 */
#ifndef ADMIN_MEM_H
#define ADMIN_MEM_H

#include <jansson.h>
#include <stddef.h>

/* Zeroed.  Never NULL. */
void *tc_mem_alloc(size_t count, size_t size);
void *tc_mem_resize(void *old, size_t count, size_t size);
char *tc_mem_text(const char *text);
char *tc_mem_slice(const char *text, size_t size);
char *tc_mem_format(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* Passes a new JSON value through; ends the tool if it is NULL. */
json_t *tc_mem_json(json_t *value);
/* Sets a member and takes the value, which may be NULL: then nothing. */
void tc_mem_set(json_t *object, const char *key, json_t *take_value);
/* Sets a text member unless the text is NULL; ends the tool (65) if it is not UTF-8. */
void tc_mem_set_text(json_t *object, const char *key, const char *text);

#endif
