/* SPDX-License-Identifier: Apache-2.0 */
/* What went wrong: LMDB's and the system's numbers become a code and a sentence. */
#include "daemon/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "daemon/store_int.h"
#include "proto/err.h"

#define FULL_BYTES (256u * 1024) /* less than this on the disk: full */

/* One sentence for callers without a store; one thread uses the store. */
static char said[TD_STORE_TEXT_MAX];

void td_store_say(const char *dir, const char *fmt, ...)
{
	size_t used = 0;
	va_list ap;

	if (dir != NULL)
		used = (size_t)snprintf(said, sizeof(said), "%s: ", dir);
	if (used >= sizeof(said))
		return;
	va_start(ap, fmt);
	vsnprintf(said + used, sizeof(said) - used, fmt, ap);
	va_end(ap);
}

const char *td_store_said(void)
{
	return said;
}

int td_store_say_errno(const char *path, const char *what)
{
	int err = errno;

	td_store_say(path, "%s: %s", what, strerror(err));
	if (err == EACCES || err == EPERM || err == EROFS)
		return TR_E_PERM;
	if (err == ENOSPC || err == EDQUOT)
		return TR_E_FULL;
	if (err == ENOENT || err == ENOTDIR)
		return TR_E_NOTFOUND;
	return TR_E_IO;
}

const char *td_store_error(const struct td_store *store)
{
	return store != NULL ? store->text : td_store_said();
}

/*
 * LMDB calls a write that was cut short EIO, and that is what a disk gives
 * when it runs full in the middle of one.  Taking it for "full" is safe: the
 * pages belong to no committed tree and the next commit writes them again.
 */
static bool disk_is_full(const struct td_store *store)
{
	struct statvfs fs;

	return statvfs(store->dir, &fs) == 0 &&
	    (uint64_t)fs.f_bavail * fs.f_frsize < FULL_BYTES;
}

int td_store_fault(struct td_store *store, int mdb_rc, const char *what)
{
	int rc;

	if (mdb_rc == EIO && disk_is_full(store))
		mdb_rc = ENOSPC;
	switch (mdb_rc) {
	case MDB_NOTFOUND: return TR_E_NOTFOUND;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
	case ENOSPC:
	case EFBIG:
	case EDQUOT: rc = TR_E_FULL; break;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_VERSION_MISMATCH:
	case MDB_INCOMPATIBLE: rc = TR_E_DAMAGED; break;
	case ENOMEM: rc = TR_E_NOMEM; break;
	case EACCES:
	case EPERM:
	case EROFS: rc = TR_E_PERM; break;
	default: rc = TR_E_IO; break;
	}
	if (rc == TR_E_IO)
		store->is_dead = true;
	snprintf(store->text, sizeof(store->text), "%s: %s: %s", store->dir,
	    what, mdb_strerror(mdb_rc));
	return rc;
}
