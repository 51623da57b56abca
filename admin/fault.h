/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault -- an error as people see it: what, where, what to do.
 *
 *   terracectl: permission denied on /run/terrace/control.sock (TR-E-PERM)
 *     You are 'li', groups: li, users.
 *     Try: sudo adduser li terrace-admin
 *
 * Owns:  nothing.  The code in brackets is stable and never translated.
 */
#ifndef ADMIN_FAULT_H
#define ADMIN_FAULT_H

#include "proto/err.h"

#define TC_FAULT_TEXT 1024
#define TC_FAULT_CODE 32

struct tc_fault {
	int exit_code; /* 0 = no error */
	char code[TC_FAULT_CODE];
	char text[TC_FAULT_TEXT];
	char hint[TC_FAULT_TEXT]; /* lines to indent; "" = none */
};

/* Fills in an error; format NULL = the usual message.  Returns its exit code. */
int tc_fault_set(struct tc_fault *fault, int rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends a line of advice. */
void tc_fault_hint(struct tc_fault *fault, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Writes it to stderr; returns its exit code. */
int tc_fault_print(const struct tc_fault *fault);
/* Set and print in one. */
int tc_fault_say(int rc, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same with one line of advice, which may be NULL. */
int tc_fault_advise(int rc, const char *hint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* TR_E_* of a stable code; TR_E_INTERNAL if unknown. */
int tc_fault_rc(const char *code);

#endif
