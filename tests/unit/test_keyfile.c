/* SPDX-License-Identifier: Apache-2.0 */
// needs: daemon/keyfile.o daemon/fsfile.o
/*
 * Goal: keys come back as they were; a key file that others can read, that is
 * a link, damaged or newer is refused and says why.
 * Method: a real folder; every byte of the file changed in turn.
 */
#include "daemon/keyfile.h"
#include "proto/err.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

static char folder[] = "/tmp/test-keyfile-XXXXXX";
static char path[128], error[256];

static struct td_keys save(void)
{
	struct td_keys keys;

	td_keyfile_generate(&keys);
	keys.nid.v = 0x0123456789abcdef;
	memset(keys.root_hash.b, 7, sizeof(keys.root_hash.b));
	assert_int_equal(td_keyfile_save(path, &keys, error, sizeof(error)), 0);
	return keys;
}

static size_t slurp(char *text, size_t cap)
{
	int fd = open(path, O_RDONLY);
	ssize_t size = read(fd, text, cap);

	assert_true(size > 0);
	(void)close(fd);
	return (size_t)size;
}

static void spill(const char *text, size_t size)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, text, size), size);
	(void)close(fd);
}

static void keys_come_back_as_they_were(void **state)
{
	struct td_keys keys = save(), back;
	struct stat st;
	(void)state;

	memset(&back, 0, sizeof(back));
	assert_int_equal(td_keyfile_load(path, &back, error, sizeof(error)), 0);
	assert_memory_equal(&keys, &back, sizeof(keys));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void file_that_others_may_read_is_refused(void **state)
{
	struct td_keys back;
	(void)state;

	(void)save();
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(td_keyfile_load(path, &back, error, sizeof(error)), TR_E_PERM);
	assert_non_null(strstr(error, "chmod 600"));
}

static void link_and_folder_are_refused(void **state)
{
	struct td_keys back;
	char other[160];
	(void)state;

	(void)save();
	(void)snprintf(other, sizeof(other), "%s.link", path);
	assert_int_equal(symlink(path, other), 0);
	assert_int_equal(td_keyfile_load(other, &back, error, sizeof(error)), TR_E_PERM);
	assert_non_null(strstr(error, "link"));
	assert_int_equal(unlink(other), 0);
	assert_int_equal(td_keyfile_load(folder, &back, error, sizeof(error)), TR_E_PERM);
	assert_int_equal(td_keyfile_load("/nowhere/node.key", &back, error, sizeof(error)), TR_E_NOTFOUND);
}

static void any_changed_byte_is_noticed(void **state)
{
	char text[4096];
	struct td_keys back;
	size_t size = 0;
	(void)state;

	(void)save();
	size = slurp(text, sizeof(text));
	for (size_t i = 0; i < size; i++) {
		char was = text[i];

		text[i] = was == '0' ? '1' : '0';
		spill(text, size);
		assert_int_not_equal(td_keyfile_load(path, &back, error, sizeof(error)), 0);
		text[i] = was;
	}
	for (size_t cut = 0; cut < size; cut += 13) {
		spill(text, cut);
		assert_int_equal(td_keyfile_load(path, &back, error, sizeof(error)), TR_E_DAMAGED);
	}
	spill(text, size);
	assert_int_equal(td_keyfile_load(path, &back, error, sizeof(error)), 0);
}

static void newer_version_is_named(void **state)
{
	char text[4096];
	struct td_keys back;
	size_t size = 0;
	(void)state;

	(void)save();
	size = slurp(text, sizeof(text));
	*strchr(text, '1') = '2';
	spill(text, size);
	assert_int_equal(td_keyfile_load(path, &back, error, sizeof(error)), TR_E_NEWER);
	assert_non_null(strstr(error, "newer"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_come_back_as_they_were),
		cmocka_unit_test(file_that_others_may_read_is_refused),
		cmocka_unit_test(link_and_folder_are_refused),
		cmocka_unit_test(any_changed_byte_is_noticed),
		cmocka_unit_test(newer_version_is_named),
	};
	int failed = 0;

	if (sodium_init() < 0 || mkdtemp(folder) == NULL)
		return 1;
	(void)snprintf(path, sizeof(path), "%s/node.key", folder);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	(void)unlink(path);
	(void)rmdir(folder);
	return failed;
}
