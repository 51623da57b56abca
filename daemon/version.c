/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/version.h"

#include <stdio.h>

#include <jansson.h>
#include <libfyaml.h>
#include <lmdb.h>
#include <sodium.h>
#include <zmq.h>
#include <zstd.h>

#include <protobuf-c/protobuf-c.h>

static const char *zeromq(void)
{
	static char text[24];
	int major, minor, patch;

	zmq_version(&major, &minor, &patch);
	snprintf(text, sizeof(text), "%d.%d.%d", major, minor, patch);
	return text;
}

static const char *lmdb(void)
{
	static char text[24];
	int major, minor, patch;

	mdb_version(&major, &minor, &patch);
	snprintf(text, sizeof(text), "%d.%d.%d", major, minor, patch);
	return text;
}

const char *td_version_library(size_t i, const char **version)
{
	static const char *const names[] = {
	    "jansson", "libfyaml", "libsodium", "lmdb", "protobuf-c", "zeromq", "zstd"};
	const char *(*const versions[])(void) = {jansson_version_str, fy_library_version,
	    sodium_version_string, lmdb, protobuf_c_version, zeromq, ZSTD_versionString};

	if (i >= sizeof(names) / sizeof(names[0]))
		return NULL;
	*version = versions[i]();
	return names[i];
}
