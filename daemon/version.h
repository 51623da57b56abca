/* SPDX-License-Identifier: Apache-2.0 */
/* version -- which build this is, and of which libraries. */
#ifndef DAEMON_VERSION_H
#define DAEMON_VERSION_H

#include <stddef.h>

/* i from 0; NULL at the end.  *version: static. */
const char *td_version_library(size_t i, const char **version);

#endif
