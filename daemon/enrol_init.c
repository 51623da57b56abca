/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/enrol.h"

#include "daemon/enrol_int.h"
#include "daemon/fsfile.h"
#include "daemon/sys.h"
#include "proto/err.h"
#include "proto/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOT_KEYS = 3, ROOT_THRESHOLD = 2, ROOT_BYTES_MAX = 512 };

/* A zone in the making. */
struct zone {
	struct rep_sign_keys root_key[ROOT_KEYS];
	struct rep_root root;
	uint8_t root_bytes[ROOT_BYTES_MAX];
	size_t root_size;
	struct td_keys keys;
	struct rep_cert cert;
	uint8_t cert_bytes[TR_CERT_BYTES_MAX];
	size_t cert_size;
};

static uint64_t random_id(void)
{
	uint64_t id = 0;

	while (id == 0)
		td_sys_random(&id, sizeof(id));
	return id;
}

static int make_zone(const struct td_enrol_options *options, struct zone *zone)
{
	static const uint8_t signers[ROOT_THRESHOLD] = { 0, 1 };
	struct rep_cert *cert = &zone->cert;

	zone->root.zone = random_id();
	zone->root.version = 1;
	zone->root.key_count = ROOT_KEYS;
	zone->root.threshold = ROOT_THRESHOLD;
	for (size_t i = 0; i < ROOT_KEYS; i++) {
		(void)crypto_sign_keypair(zone->root_key[i].pk.b,
		    zone->root_key[i].sk);
		zone->root.key[i] = zone->root_key[i].pk;
	}
	zone->root_size = rep_root_encode(&zone->root, zone->root_bytes,
	    sizeof(zone->root_bytes));
	td_keyfile_generate(&zone->keys);
	rep_root_hash((struct tr_bytes){ zone->root_bytes, zone->root_size },
	    &zone->keys.root_hash);
	zone->keys.nid.v = random_id();

	cert->nid = zone->keys.nid;
	cert->zone = zone->root.zone;
	cert->serial = 1;
	cert->issuer_serial = zone->root.version;
	cert->sign_pk = zone->keys.sign.pk;
	memcpy(cert->curve_pk.b, zone->keys.curve_pk, 32);
	memcpy(cert->seal_pk.b, zone->keys.seal_pk, 32);
	cert->caps = rep_caps_default(0);
	cert->issued.v = (uint64_t)td_sys_wall().ms << 16;
	cert->alg = 1;
	(void)snprintf(cert->unit, sizeof(cert->unit), "%s", options->what);
	(void)snprintf(cert->title, sizeof(cert->title), "%s",
	    options->title != NULL ? options->title : options->what);
	zone->cert_size = rep_cert_issue_by_root(cert, zone->root_key, signers,
	    ROOT_THRESHOLD, zone->cert_bytes, sizeof(zone->cert_bytes));
	if (zone->root_size == 0 || zone->cert_size == 0)
		return td_enrol_say(TR_E_INTERNAL, "%s",
		    _("cannot make the certificate"));
	return 0;
}

static int save_root_key(const char *dir, const struct zone *zone, size_t i)
{
	char path[PATH_MAX], name[32], error[TD_ENROL_TEXT];
	char text[1024], pk[65], sk[129];
	int size = 0, rc = 0;

	(void)snprintf(name, sizeof(name), "root-keys/root-%zu.key", i + 1);
	rc = td_enrol_path(dir, name, path);
	if (rc != 0)
		return rc;
	(void)sodium_bin2hex(pk, sizeof(pk), zone->root_key[i].pk.b, 32);
	(void)sodium_bin2hex(sk, sizeof(sk), zone->root_key[i].sk, 64);
	size = snprintf(text, sizeof(text),
	    "terrace-root-key 1\n"
	    "# Key %zu of %d of the trust root of zone %016" PRIx64 ".\n"
	    "# Any %d of them may name a new top node.  Keep two of the "
	    "three elsewhere,\n"
	    "# offline, in different hands, and remove them from this "
	    "machine.\n"
	    "index %zu\nzone %016" PRIx64 "\nsign-public %s\nsign-secret %s\n",
	    i + 1, ROOT_KEYS, zone->root.zone, ROOT_THRESHOLD, i,
	    zone->root.zone, pk, sk);
	rc = td_fsfile_write(path, text, (size_t)size, 0600, error,
	    sizeof(error));
	sodium_memzero(text, sizeof(text));
	sodium_memzero(sk, sizeof(sk));
	return rc == 0 ? 0 : td_enrol_say(rc, "%s", error);
}

static int fill_folder(const char *dir, const struct td_enrol_options *options,
    const struct zone *zone)
{
	const struct tr_bytes chain = { zone->cert_bytes, zone->cert_size };
	char path[PATH_MAX], error[TD_ENROL_TEXT];
	int rc = td_enrol_found(dir,
	    (struct tr_bytes){ zone->root_bytes, zone->root_size }, &chain, 1,
	    &zone->keys.root_hash, false);

	if (rc == 0)
		rc = td_enrol_configure(dir, options, &zone->cert);
	if (rc == 0)
		rc = td_enrol_path(dir, "root-keys", path);
	if (rc == 0 && mkdir(path, 0700) != 0)
		rc = td_enrol_say(TR_E_IO, "%s: %s", path, strerror(errno));
	for (size_t i = 0; rc == 0 && i < ROOT_KEYS; i++)
		rc = save_root_key(dir, zone, i);
	if (rc == 0)
		rc = td_enrol_path(dir, "node.key", path);
	if (rc == 0
	    && (rc = td_keyfile_save(path, &zone->keys, error, sizeof(error)))
	        != 0)
		(void)td_enrol_say(rc, "%s", error);
	return rc;
}

/* Everything is made beside the folder and comes into being by one rename. */
static int make_folder(const struct td_enrol_options *options,
    const struct zone *zone)
{
	char fresh[PATH_MAX];
	int rc = 0;

	if (snprintf(fresh, sizeof(fresh), "%s.new-XXXXXX", options->dir)
	    >= (int)sizeof(fresh))
		return td_enrol_say(TR_E_SIZE, _("%s: the path is too long"),
		    options->dir);
	if (mkdtemp(fresh) == NULL)
		return td_enrol_say(errno == EACCES ? TR_E_PERM : TR_E_IO,
		    "%s: %s", fresh, strerror(errno));
	rc = fill_folder(fresh, options, zone);
	if (rc == 0
	    && (chmod(fresh, 0755) != 0 || rename(fresh, options->dir) != 0
	        || td_fsfile_sync_parent(options->dir) != 0))
		rc = td_enrol_say(errno == ENOTEMPTY ? TR_E_EXISTS : TR_E_IO,
		    "%s: %s", options->dir, strerror(errno));
	if (rc != 0)
		td_fsfile_remove_tree(fresh);
	return rc;
}

static void print_result(const struct td_enrol_options *options,
    const struct zone *zone)
{
	char fingerprint[80];

	td_enrol_fingerprint(&zone->keys.root_hash, fingerprint);
	(void)printf(_("Made the top node %s (%s) in %s\n"), zone->cert.unit,
	    zone->cert.title, options->dir);
	(void)printf(_("Root of trust, to compare by phone:\n  %.39s\n  %s\n"),
	    fingerprint, fingerprint + 40);
	(void)printf(_("Keep two of the three keys in %s/root-keys elsewhere, "
	               "offline.\n"),
	    options->dir);
	(void)printf(_("Start it:     terraced -c %s/terrace.yaml\n"),
	    options->dir);
	if (options->listen[0] != '\0')
		(void)printf(_("Next, a unit: terracectl -S "
		               "%s/run/control.sock invite %s/CODE\n"),
		    options->dir, zone->cert.unit);
	else
		(void)printf(_("It listens nowhere yet: set 'listen' in "
		               "%s/terrace.yaml before inviting units.\n"),
		    options->dir);
}

static int check(const struct td_enrol_options *options)
{
	int rc = 0;

	if (!td_enrol_unit_ok(options->what))
		return td_enrol_say(TR_E_USAGE,
		    _("'%s' is no unit: wanted codes with '/' between them, "
		      "such as 110101"),
		    options->what);
	rc = td_enrol_is_free(options->dir);
	if (rc == TR_E_EXISTS)
		return td_enrol_say(rc,
		    _("%s: is there already and not empty; nothing was "
		      "changed"),
		    options->dir);
	if (rc != 0)
		return td_enrol_say(rc, "%s: %s", options->dir,
		    strerror(errno));
	return td_enrol_check_depth(options->dir);
}

static size_t trim(const char *dir)
{
	size_t size = strlen(dir);

	while (size > 1 && dir[size - 1] == '/')
		size--;
	return size;
}

int td_init_main(int argc, char **argv)
{
	struct td_enrol_options options;
	struct zone zone = { .root_size = 0 };
	char dir[PATH_MAX];
	int rc = td_enrol_options(argc, argv, false, &options);

	if (rc == 0 && trim(options.dir) >= sizeof(dir))
		rc = td_enrol_say(TR_E_SIZE, _("%s: the path is too long"),
		    options.dir);
	if (rc == 0) {
		(void)snprintf(dir, sizeof(dir), "%.*s",
		    (int)trim(options.dir), options.dir);
		options.dir = dir;
		rc = check(&options);
	}
	if (rc == 0)
		rc = make_zone(&options, &zone);
	if (rc == 0)
		rc = make_folder(&options, &zone);
	if (rc == 0)
		print_result(&options, &zone);
	sodium_memzero(&zone, sizeof(zone));
	return tr_err_exit(rc);
}
