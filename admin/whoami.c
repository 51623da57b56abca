/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/whoami.h"

#include "admin/text.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GROUPS_MAX 64

const char *tc_whoami_name(void)
{
	static char number[32];
	const struct passwd *user = getpwuid(geteuid());

	if (user != NULL)
		return user->pw_name;
	snprintf(number, sizeof(number), "%u", (unsigned)geteuid());
	return number;
}

const char *tc_whoami(char out[static TC_WHOAMI_SIZE])
{
	gid_t groups[GROUPS_MAX];
	int count = getgroups(GROUPS_MAX, groups);
	size_t used = (size_t)snprintf(
	    out, TC_WHOAMI_SIZE, _("'%s', groups:"), tc_whoami_name());

	for (int i = 0; i < count && used < TC_WHOAMI_SIZE - 48; i++) {
		const struct group *group = getgrgid(groups[i]);

		if (group != NULL)
			used += (size_t)snprintf(out + used,
			    TC_WHOAMI_SIZE - used, "%s %.40s", i > 0 ? "," : "",
			    group->gr_name);
		else
			used += (size_t)snprintf(out + used,
			    TC_WHOAMI_SIZE - used, "%s %u", i > 0 ? "," : "",
			    (unsigned)groups[i]);
	}
	return out;
}
