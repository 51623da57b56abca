/* SPDX-License-Identifier: Apache-2.0 */
/*
 * whoami -- who runs this tool, for messages about permission.
 */
#ifndef ADMIN_WHOAMI_H
#define ADMIN_WHOAMI_H

#define TC_WHOAMI_SIZE 512

/* "li"; the number if the user has no name. */
const char *tc_whoami_name(void);
/* "'li', groups: li, users" */
const char *tc_whoami(char out[static TC_WHOAMI_SIZE]);

#endif
