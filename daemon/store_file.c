/* SPDX-License-Identifier: Apache-2.0 */
/* The store as files: made and copied. */
#include "daemon/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store_int.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire.h"

static int sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return td_store_say_errno(dir, "open");
	if (fsync(fd) != 0)
		rc = td_store_say_errno(dir, "fsync");
	close(fd);
	return rc;
}

static int sync_parent(const char *dir)
{
	char parent[PATH_MAX];
	char *slash;

	if (snprintf(parent, sizeof(parent), "%s", dir) >= (int)sizeof(parent))
		return TR_E_SIZE;
	for (size_t n = strlen(parent); n > 1 && parent[n - 1] == '/'; n--)
		parent[n - 1] = '\0';
	slash = strrchr(parent, '/');
	if (slash == NULL)
		return sync_dir(".");
	slash[slash == parent ? 1 : 0] = '\0';
	return sync_dir(parent);
}

/* ---------------------------------------------------------------------- make */

/* Removes what an interrupted make or backup left.  Only our own two names. */
static void temp_remove(const char *temp)
{
	static const char *const names[] = {"data.mdb", "lock.mdb"};
	char path[PATH_MAX + 32];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", temp, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(temp);
}

static int marker_put(MDB_txn *txn)
{
	uint8_t value[TD_STORE_HEAD + 4];
	MDB_val k = {6, "format"}, v = {sizeof(value), value};
	MDB_dbi dbi;
	int rc = mdb_dbi_open(txn, TD_STORE_MARKER, MDB_CREATE, &dbi);

	if (rc != 0)
		return rc;
	value[0] = TR_STORE_FORMAT;
	wire_put_le32(value + TD_STORE_HEAD, TR_STORE_FORMAT);
	wire_put_le64(value + 1, td_store_sum(REP_T_COUNT, &k, value + TD_STORE_HEAD, 4));
	return mdb_put(txn, dbi, &k, &v, 0);
}

static int env_fill(MDB_env *env)
{
	MDB_txn *txn;
	MDB_dbi dbi;
	int rc = mdb_txn_begin(env, NULL, 0, &txn);

	if (rc != 0)
		return rc;
	rc = marker_put(txn);
	for (unsigned i = 0; rc == 0 && i < REP_T_COUNT; i++)
		rc = mdb_dbi_open(txn, td_store_tables[i], MDB_CREATE, &dbi);
	if (rc != 0) {
		mdb_txn_abort(txn);
		return rc;
	}
	return mdb_txn_commit(txn);
}

static int env_make(const char *temp, size_t map_bytes)
{
	MDB_env *env;
	int rc = mdb_env_create(&env);

	if (rc != 0)
		return rc;
	rc = mdb_env_set_maxdbs(env, REP_T_COUNT + 1);
	if (rc == 0)
		rc = mdb_env_set_mapsize(env, map_bytes);
	if (rc == 0)
		rc = mdb_env_open(env, temp, 0, 0600);
	if (rc == 0)
		rc = env_fill(env);
	if (rc == 0)
		rc = mdb_env_sync(env, 1);
	mdb_env_close(env);
	return rc;
}

static int say_mdb(const char *dir, int mdb_rc)
{
	if (mdb_rc == 0)
		return 0;
	td_store_say(dir, "%s", mdb_strerror(mdb_rc));
	switch (mdb_rc) {
	case MDB_MAP_FULL:
	case ENOSPC:
	case EDQUOT: return TR_E_FULL;
	case EACCES:
	case EPERM:
	case EROFS: return TR_E_PERM;
	case ENOMEM: return TR_E_NOMEM;
	default: return TR_E_IO;
	}
}

/* The finished file appears in DIR at once or not at all. */
static int env_move(const char *temp, const char *dir)
{
	char from[PATH_MAX + 32], to[PATH_MAX + 32];
	int rc = sync_dir(temp);

	snprintf(from, sizeof(from), "%s/data.mdb", temp);
	snprintf(to, sizeof(to), "%s/data.mdb", dir);
	if (rc == 0 && rename(from, to) != 0)
		rc = td_store_say_errno(to, "rename");
	return rc == 0 ? sync_dir(dir) : rc;
}

static int make_locked(const char *dir, size_t map_bytes)
{
	char temp[PATH_MAX], data[PATH_MAX + 16];
	int rc;

	if (snprintf(temp, sizeof(temp), "%s/.making", dir) >= (int)sizeof(temp))
		return TR_E_SIZE;
	snprintf(data, sizeof(data), "%s/data.mdb", dir);
	if (access(data, F_OK) == 0) {
		td_store_say(dir, "there is a store already");
		return TR_E_EXISTS;
	}
	temp_remove(temp);
	if (mkdir(temp, 0700) != 0)
		return td_store_say_errno(temp, "mkdir");
	rc = say_mdb(dir, env_make(temp, map_bytes));
	if (rc == 0)
		rc = env_move(temp, dir);
	temp_remove(temp);
	return rc;
}

int td_store_make(const char *dir, size_t map_bytes)
{
	int fd, rc;

	if (mkdir(dir, 0700) == 0) {
		rc = sync_parent(dir);
		if (rc != 0)
			return rc;
	} else if (errno != EEXIST) {
		return td_store_say_errno(dir, "mkdir");
	}
	rc = td_store_lock(dir, &fd);
	if (rc != 0)
		return rc;
	rc = make_locked(dir, map_bytes);
	close(fd);
	return rc;
}

/* -------------------------------------------------------------------- backup */

/* Nobody trusts a copy that was never read: each value of it is checked. */
static int copy_check(struct td_store *store, const char *temp)
{
	struct td_store *copy = NULL;
	uint64_t rows, bad = 0;
	char lock[PATH_MAX + 16];
	int rc = td_store_open(&copy, temp, store->map_bytes);

	if (rc == 0)
		rc = td_store_scrub(copy, &rows, &bad);
	if (rc == 0 && bad != 0)
		rc = TR_E_DAMAGED;
	td_store_close(copy);
	if (bad != 0)
		td_store_say(temp, "the copy has %llu damaged values; not kept",
		    (unsigned long long)bad);
	snprintf(lock, sizeof(lock), "%s/lock", temp);
	(void)unlink(lock);
	snprintf(lock, sizeof(lock), "%s/lock.mdb", temp);
	(void)unlink(lock);
	return rc;
}

int td_store_backup(struct td_store *store, const char *dir)
{
	char temp[PATH_MAX];
	int rc;

	if (snprintf(temp, sizeof(temp), "%s.making", dir) >= (int)sizeof(temp))
		return TR_E_SIZE;
	temp_remove(temp);
	if (mkdir(temp, 0700) != 0)
		rc = td_store_say_errno(temp, "mkdir");
	else
		rc = say_mdb(temp, mdb_env_copy2(store->env, temp, MDB_CP_COMPACT));
	if (rc == 0)
		rc = copy_check(store, temp);
	if (rc == 0)
		rc = sync_dir(temp);
	if (rc == 0 && rename(temp, dir) != 0) { /* only onto nothing or an empty folder */
		rc = errno == ENOTEMPTY || errno == EEXIST ? TR_E_EXISTS : TR_E_IO;
		td_store_say(dir, "%s", rc == TR_E_EXISTS ? "the folder is not empty" : strerror(errno));
	}
	if (rc == 0)
		rc = sync_parent(dir);
	if (rc != 0) {
		snprintf(store->text, sizeof(store->text), "%s", td_store_said());
		temp_remove(temp);
	}
	return rc;
}
