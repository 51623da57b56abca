/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/ctl_letter.h"

#include <stdint.h>
#include <string.h>

#include "proto/err.h"

#define LETTERS 26

void td_ctl_letter(size_t index, char out[static TD_LETTER_MAX + 1])
{
	char turned[TD_LETTER_MAX];
	size_t n = 0;

	/* digits 1 to 26, none is zero */
	for (size_t left = index + 1; left > 0; left = (left - 1) / LETTERS) {
		TR_ASSERT(n < TD_LETTER_MAX);
		turned[n++] = (char)('A' + (left - 1) % LETTERS);
	}
	for (size_t i = 0; i < n; i++)
		out[i] = turned[n - 1 - i];
	out[n] = '\0';
}

size_t td_ctl_letter_index(const char *text)
{
	size_t n = strlen(text), value = 0;

	if (n == 0 || n > TD_LETTER_MAX)
		return SIZE_MAX;
	for (size_t i = 0; i < n; i++) {
		char c = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 'a' + 'A') : text[i];

		if (c < 'A' || c > 'Z')
			return SIZE_MAX;
		value = value * LETTERS + (size_t)(c - 'A') + 1;
	}
	return value - 1;
}
