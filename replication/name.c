/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/name.h"

#include <string.h>

bool rep_name_path_ok(struct tr_bytes path)
{
	size_t component = 0;

	if (path.size > TR_UNIT_PATH_MAX)
		return false;
	for (size_t i = 0; i < path.size; i++) {
		uint8_t c = path.data[i];

		if (c <= ' ' || c == 0x7f || (c == '/' && component == 0))
			return false;
		component = c == '/' ? 0 : component + 1;
		if (component > TR_UNIT_CODE_MAX)
			return false;
	}
	return component > 0;
}

bool rep_name_is_child(struct tr_bytes path, const char *parent)
{
	size_t size = strlen(parent);

	return path.size > size + 1 && memcmp(path.data, parent, size) == 0 && path.data[size] == '/' &&
	    memchr(path.data + size + 1, '/', path.size - size - 1) == NULL;
}

bool rep_name_title_ok(struct tr_bytes title)
{
	for (size_t i = 0; i < title.size; i++)
		if (title.data[i] < ' ' || title.data[i] == 0x7f)
			return false;
	return title.size <= TR_TITLE_MAX;
}
