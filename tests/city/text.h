/* SPDX-License-Identifier: Apache-2.0 */
/* text -- a whole zstd file, as a string. */
#ifndef TESTS_CITY_TEXT_H
#define TESTS_CITY_TEXT_H

/* The caller frees it.  Ends the process, with the reason, if it cannot be read. */
char *city_text_read(const char *path);

#endif
