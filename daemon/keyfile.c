/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/keyfile.h"

#include "daemon/fsfile.h"
#include "proto/err.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 4096, HEX_MAX = 2 * 64 + 1 };

static const char MAGIC[] = "terrace-node-key";
static const char REMARK[] =
    "# Secret: whoever has this file can speak as this unit.\n";

struct line {
	const char *word;
	uint8_t *data;
	size_t size;
};

enum { LINE_COUNT = 8 };

static void describe(struct td_keys *keys, uint8_t nid[8],
    struct line line[LINE_COUNT])
{
	line[0] = (struct line){"node", nid, 8};
	line[1] = (struct line){"root", keys->root_hash.b, 32};
	line[2] = (struct line){"sign-public", keys->sign.pk.b, 32};
	line[3] = (struct line){"sign-secret", keys->sign.sk, 64};
	line[4] = (struct line){"curve-public", keys->curve_pk, 32};
	line[5] = (struct line){"curve-secret", keys->curve_sk, 32};
	line[6] = (struct line){"seal-public", keys->seal_pk, 32};
	line[7] = (struct line){"seal-secret", keys->seal_sk, 32};
}

static void make_check(const char *text, size_t size, char hex[33])
{
	uint8_t hash[16];

	(void)crypto_generichash(hash, sizeof(hash), (const uint8_t *)text,
	    size, NULL, 0);
	(void)sodium_bin2hex(hex, 33, hash, sizeof(hash));
}

void td_keyfile_generate(struct td_keys *out)
{
	memset(out, 0, sizeof(*out));
	(void)crypto_sign_keypair(out->sign.pk.b, out->sign.sk);
	(void)crypto_box_keypair(out->curve_pk, out->curve_sk);
	(void)crypto_box_keypair(out->seal_pk, out->seal_sk);
}

void td_keyfile_wipe(struct td_keys *keys)
{
	if (keys != NULL)
		sodium_memzero(keys, sizeof(*keys));
}

/* The public halves are in the file for people; they must be the right ones. */
static bool pairs_fit(const struct td_keys *keys)
{
	uint8_t seed[32], pk[32], sk[64];
	bool fit = true;

	(void)crypto_sign_ed25519_sk_to_seed(seed, keys->sign.sk);
	(void)crypto_sign_seed_keypair(pk, sk, seed);
	fit = sodium_memcmp(pk, keys->sign.pk.b, 32) == 0 &&
	      sodium_memcmp(sk, keys->sign.sk, 64) == 0;
	(void)crypto_scalarmult_base(pk, keys->curve_sk);
	fit = fit && sodium_memcmp(pk, keys->curve_pk, 32) == 0;
	(void)crypto_scalarmult_base(pk, keys->seal_sk);
	fit = fit && sodium_memcmp(pk, keys->seal_pk, 32) == 0;
	sodium_memzero(seed, sizeof(seed));
	sodium_memzero(sk, sizeof(sk));
	return fit;
}

static int read_safely(const char *path, char *text, size_t *size, char *error,
    size_t cap)
{
	struct stat st;
	ssize_t n = 0;
	int rc = TR_E_PERM;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		int number = errno;

		(void)snprintf(error, cap, "%s: %s", path,
		    number == ELOOP ? "is a symbolic link; name the file itself"
		                    : strerror(number));
		if (number == ENOENT)
			return TR_E_NOTFOUND;
		return number == EACCES || number == ELOOP ? TR_E_PERM
		                                           : TR_E_IO;
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		(void)snprintf(error, cap, "%s: not a regular file", path);
	} else if (st.st_uid != geteuid()) {
		(void)snprintf(error, cap,
		    "%s: belongs to user %u, but this program runs as user %u",
		    path, (unsigned)st.st_uid, (unsigned)geteuid());
	} else if ((st.st_mode & 077) != 0) {
		(void)snprintf(error, cap,
		    "%s: others may read it (mode %04o); do: chmod 600 %s",
		    path, (unsigned)st.st_mode & 07777, path);
	} else if ((n = read(fd, text, FILE_MAX)) < 0) {
		(void)snprintf(error, cap, "%s: %s", path, strerror(errno));
		rc = TR_E_IO;
	} else {
		*size = (size_t)n;
		text[n] = '\0';
		rc = 0;
	}
	(void)close(fd);
	return rc;
}

/* One "word hex\n" at *at; remarks before it are skipped. */
static bool take_line(const char **at, const struct line *line)
{
	size_t word = strlen(line->word), size = 0;
	const char *end = NULL;

	while (**at == '#') {
		*at += strcspn(*at, "\n");
		*at += **at == '\n';
	}
	if (strncmp(*at, line->word, word) != 0 || (*at)[word] != ' ')
		return false;
	*at += word + 1;
	if (strcspn(*at, "\n") != 2 * line->size ||
	    sodium_hex2bin(line->data, line->size, *at, 2 * line->size, NULL,
	        &size, &end) != 0 ||
	    size != line->size || *end != '\n')
		return false;
	*at = end + 1;
	return true;
}

static int parse(const char *text, struct td_keys *keys)
{
	const char *at = text;
	struct line line[LINE_COUNT];
	uint8_t nid[8] = {0};
	uint8_t sum[16];
	char check[33];
	struct line last = {"check", sum, sizeof(sum)};
	size_t body = 0;

	if (strncmp(at, MAGIC, strlen(MAGIC)) != 0)
		return TR_E_DAMAGED;
	at += strlen(MAGIC);
	if (strncmp(at, " 1\n", 3) != 0)
		return at[0] == ' ' && at[1] > '1' && at[1] <= '9'
		           ? TR_E_NEWER
		           : TR_E_DAMAGED;
	at += 3;
	describe(keys, nid, line);
	for (size_t i = 0; i < LINE_COUNT; i++) {
		if (!take_line(&at, &line[i]))
			return TR_E_DAMAGED;
	}
	body = (size_t)(at - text);
	make_check(text, body, check);
	if (!take_line(&at, &last) || *at != '\0' ||
	    strncmp(text + body + strlen("check "), check, 32) != 0 ||
	    !pairs_fit(keys))
		return TR_E_DAMAGED;
	for (size_t i = 0; i < sizeof(nid); i++)
		keys->nid.v = keys->nid.v << 8 | nid[i];
	return 0;
}

int td_keyfile_load(const char *path, struct td_keys *out, char *error,
    size_t error_cap)
{
	struct td_keys keys = {.nid = {0}};
	char text[FILE_MAX + 1];
	size_t size = 0;
	int rc = read_safely(path, text, &size, error, error_cap);

	if (rc != 0)
		return rc;
	rc = strlen(text) == size ? parse(text, &keys) : TR_E_DAMAGED;
	if (rc == 0)
		*out = keys;
	else
		(void)snprintf(error, error_cap, "%s: %s", path,
		    rc == TR_E_NEWER ? "written by a newer version of Terrace"
		                     : "damaged: not a complete key file; "
		                       "restore it from the backup");
	sodium_memzero(text, sizeof(text));
	td_keyfile_wipe(&keys);
	return rc;
}

int td_keyfile_save(const char *path, const struct td_keys *keys, char *error,
    size_t error_cap)
{
	struct td_keys copy = *keys;
	struct line line[LINE_COUNT];
	char text[FILE_MAX + 1], hex[HEX_MAX], check[33];
	uint8_t nid[8];
	int size = 0, rc = 0;

	for (size_t i = 0; i < sizeof(nid); i++)
		nid[i] = (uint8_t)(keys->nid.v >> (56 - 8 * i));
	describe(&copy, nid, line);
	size = snprintf(text, sizeof(text), "%s 1\n%s", MAGIC, REMARK);
	for (size_t i = 0; i < LINE_COUNT; i++) {
		(void)sodium_bin2hex(hex, sizeof(hex), line[i].data,
		    line[i].size);
		size += snprintf(text + size, sizeof(text) - (size_t)size,
		    "%s %s\n", line[i].word, hex);
	}
	make_check(text, (size_t)size, check);
	size += snprintf(text + size, sizeof(text) - (size_t)size, "check %s\n",
	    check);
	rc = td_fsfile_write(path, text, (size_t)size, 0600, error, error_cap);
	sodium_memzero(text, sizeof(text));
	sodium_memzero(hex, sizeof(hex));
	td_keyfile_wipe(&copy);
	return rc;
}
