/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/enrol.h"

#include "daemon/enrol_int.h"
#include "daemon/fsfile.h"
#include "proto/err.h"
#include "proto/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WANT_MAX = 512 };

/* While the parent has not answered; removed at the end. */
static const char PENDING_KEY[] = "node.key.pending";
static const char PENDING_WANT[] = "join.pending";

struct join {
	struct td_enrol_options options;
	struct td_token token;
	struct td_keys keys;
	uint8_t want[WANT_MAX]; /* encoded CertReq: a second try must send the same */
	size_t want_size;
	bool is_again;
	struct td_enrol_answer answer;
	struct tr_bytes chain[TR_CHAIN_MAX], root;
	size_t chain_count;
	struct rep_cert cert;
};

/* ------------------------------------------------- what a join begins with */

static int make_want(struct join *join)
{
	Terrace__CertReq req = TERRACE__CERT_REQ__INIT;
	char title[TR_TITLE_MAX + 1] = "";

	if (join->options.title != NULL)
		(void)snprintf(title, sizeof(title), "%s",
		    join->options.title);
	req.sign_pk = (ProtobufCBinaryData){ 32, join->keys.sign.pk.b };
	req.curve_pk = (ProtobufCBinaryData){ 32, join->keys.curve_pk };
	req.seal_pk = (ProtobufCBinaryData){ 32, join->keys.seal_pk };
	req.title = (ProtobufCBinaryData){ strlen(title), (uint8_t *)title };
	join->want_size = terrace__cert_req__get_packed_size(&req);
	if (join->want_size > sizeof(join->want))
		return td_enrol_say(TR_E_INTERNAL, "%s", _("request too long"));
	(void)terrace__cert_req__pack(&req, join->want);
	return 0;
}

static int save_pending(struct join *join)
{
	char key[PATH_MAX], want[PATH_MAX], error[TD_ENROL_TEXT];
	const char *dir = join->options.dir;
	int rc = td_enrol_path(dir, PENDING_KEY, key);

	if (rc == 0)
		rc = td_enrol_path(dir, PENDING_WANT, want);
	if (rc != 0)
		return rc;
	/* The key last: it tells that both are there. */
	rc = td_fsfile_write(want, join->want, join->want_size, 0600, error,
	    sizeof(error));
	if (rc == 0)
		rc = td_keyfile_save(key, &join->keys, error, sizeof(error));
	return rc == 0 ? 0 : td_enrol_say(rc, "%s", error);
}

static int load_want(struct join *join)
{
	char path[PATH_MAX];
	ssize_t size = 0;
	int fd = -1;
	int rc = td_enrol_path(join->options.dir, PENDING_WANT, path);

	if (rc != 0)
		return rc;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return td_enrol_say(TR_E_IO, "%s: %s", path, strerror(errno));
	size = read(fd, join->want, sizeof(join->want));
	(void)close(fd);
	if (size <= 0)
		return td_enrol_say(TR_E_IO, _("%s: cannot be read"), path);
	join->want_size = (size_t)size;
	return 0;
}

static int resume(struct join *join)
{
	join->is_again = true;
	if (memcmp(join->keys.root_hash.b, join->token.root_hash.b, 32) != 0)
		return td_enrol_say(TR_E_EXISTS,
		    _("%s: a join into another zone was begun here; take "
		      "another folder"),
		    join->options.dir);
	return load_want(join);
}

/* A fresh folder, or one in which a join was cut off. */
static int prepare(struct join *join)
{
	char path[PATH_MAX], error[TD_ENROL_TEXT];
	const char *dir = join->options.dir;
	int rc = td_enrol_check_depth(dir);

	if (rc == 0)
		rc = td_enrol_path(dir, PENDING_KEY, path);
	if (rc != 0)
		return rc;
	rc = td_keyfile_load(path, &join->keys, error, sizeof(error));
	if (rc == 0)
		return resume(join);
	if (rc != TR_E_NOTFOUND)
		return td_enrol_say(rc, "%s", error);
	rc = td_enrol_is_free(dir);
	if (rc == TR_E_EXISTS && td_enrol_path(dir, PENDING_WANT, path) == 0
	    && unlink(path) == 0)
		rc = td_enrol_is_free(dir); /* cut off before there was a key */
	if (rc != 0)
		return td_enrol_say(rc,
		    rc == TR_E_EXISTS ? _("%s: is there already and not "
		                          "empty; nothing was changed")
		                      : _("%s: permission denied"),
		    dir);
	if (mkdir(dir, 0755) != 0 && errno != EEXIST)
		return td_enrol_say(errno == EACCES ? TR_E_PERM : TR_E_IO,
		    "%s: %s", dir, strerror(errno));
	(void)chmod(dir, 0755);
	td_keyfile_generate(&join->keys);
	join->keys.root_hash = join->token.root_hash;
	rc = make_want(join);
	return rc == 0 ? save_pending(join) : rc;
}

/* --------------------------------------------------- what the parent says */

static struct tr_bytes bytes_of(const ProtobufCBinaryData *data)
{
	return (struct tr_bytes){ data->data, data->len };
}

static bool mac_fits(const struct join *join)
{
	const Terrace__EnrollOk *ok = join->answer.ok;
	uint8_t pk[32], sk[32], key[32], mac[32];

	rep_token_derive(join->token.secret, pk, sk, key);
	rep_enrollok_mac(key, join->chain, join->chain_count, join->root, mac);
	sodium_memzero(sk, sizeof(sk));
	sodium_memzero(key, sizeof(key));
	return ok->mac.len == sizeof(mac)
	    && sodium_memcmp(ok->mac.data, mac, sizeof(mac)) == 0;
}

static bool chain_holds(struct join *join)
{
	struct rep_cert top, issuer, cert;
	struct rep_root root;
	struct tr_key parent_pk = { { 0 } };

	if (join->chain_count < 2 || rep_root_decode(join->root, &root) != 0)
		return false;
	for (size_t i = 0; i < join->chain_count; i++) {
		if (rep_cert_verify(join->chain[i], &root,
		        i == 0 ? NULL : &issuer, i == 0 ? NULL : &top, &cert)
		        != 0
		    || (i > 0 && cert.parent.v != issuer.nid.v))
			return false;
		if (i == 0)
			top = cert;
		else
			parent_pk = issuer.curve_pk;
		issuer = cert;
	}
	join->cert = cert;
	return memcmp(parent_pk.b, join->token.parent_pk.b, 32) == 0
	    && memcmp(cert.sign_pk.b, join->keys.sign.pk.b, 32) == 0
	    && memcmp(cert.curve_pk.b, join->keys.curve_pk, 32) == 0
	    && memcmp(cert.seal_pk.b, join->keys.seal_pk, 32) == 0;
}

/* The parent is believed in nothing that the token and the root do not prove. */
static int check_answer(struct join *join)
{
	const Terrace__EnrollOk *ok = join->answer.ok;
	struct tr_hash hash;

	if (ok->error.len > 0)
		return td_enrol_say(TR_E_REFUSED,
		    _("the parent refuses: %.*s"), (int)ok->error.len,
		    (const char *)ok->error.data);
	if (ok->n_chain > TR_CHAIN_MAX)
		return td_enrol_say(TR_E_FORGED, "%s",
		    _("the parent's answer cannot be read"));
	join->chain_count = ok->n_chain;
	for (size_t i = 0; i < ok->n_chain; i++)
		join->chain[i] = bytes_of(&ok->chain[i]);
	join->root = bytes_of(&ok->root);
	rep_root_hash(join->root, &hash);
	if (memcmp(hash.b, join->token.root_hash.b, 32) != 0)
		return td_enrol_say(TR_E_FORGED, "%s",
		    _("the parent names another root of trust than the token; "
		      "ask who gave you the token"));
	if (!mac_fits(join) || !chain_holds(join))
		return td_enrol_say(TR_E_FORGED, "%s",
		    _("the parent's certificates do not hold; nothing was "
		      "made"));
	return 0;
}

/* Refused: nothing may come of these keys. */
static void give_up(const struct join *join)
{
	char path[PATH_MAX];

	if (td_enrol_path(join->options.dir, PENDING_KEY, path) == 0)
		(void)unlink(path);
	if (td_enrol_path(join->options.dir, PENDING_WANT, path) == 0)
		(void)unlink(path);
	(void)rmdir(join->options.dir); /* only if it is empty */
}

static int ask_parent(struct join *join)
{
	char error[TD_ENROL_TEXT];
	const char *address = join->options.upstream[0] != '\0'
	    ? join->options.upstream
	    : join->token.address;
	int rc = td_enrol_ask(&join->token, address,
	    (struct tr_bytes){ join->want, join->want_size }, &join->keys.sign,
	    &join->answer, error);

	if (rc == 0)
		rc = check_answer(join);
	else
		(void)td_enrol_say(rc, "%s", error);
	if ((rc == TR_E_REFUSED || rc == TR_E_FORGED) && !join->is_again)
		give_up(join);
	if (rc == TR_E_TIMEOUT)
		(void)td_enrol_say(rc,
		    _("the same command may be given again; the keys are "
		      "kept in %s"),
		    join->options.dir);
	return rc;
}

/* ------------------------------------------------------------- the folder */

static int finish(struct join *join)
{
	char path[PATH_MAX], error[TD_ENROL_TEXT];
	const char *dir = join->options.dir;
	int rc = td_enrol_found(dir, join->root, join->chain,
	    join->chain_count, &join->token.root_hash, join->is_again);

	if (join->options.upstream[0] == '\0')
		(void)snprintf(join->options.upstream,
		    sizeof(join->options.upstream), "%s", join->token.address);
	if (rc == 0)
		rc = td_enrol_configure(dir, &join->options, &join->cert);
	if (rc == 0)
		rc = td_enrol_path(dir, "node.key", path);
	if (rc != 0)
		return rc;
	join->keys.nid = join->cert.nid;
	rc = td_keyfile_save(path, &join->keys, error, sizeof(error));
	if (rc != 0)
		return td_enrol_say(rc, "%s", error);
	if (td_enrol_path(dir, PENDING_KEY, path) == 0)
		(void)unlink(path);
	if (td_enrol_path(dir, PENDING_WANT, path) == 0)
		(void)unlink(path);
	return 0;
}

static void print_result(const struct join *join)
{
	char fingerprint[80];

	td_enrol_fingerprint(&join->token.root_hash, fingerprint);
	if (join->cert.title[0] != '\0')
		(void)printf(_("Joined as %s (%s) in %s\n"), join->cert.unit,
		    join->cert.title, join->options.dir);
	else
		(void)printf(_("Joined as %s in %s\n"), join->cert.unit, join->options.dir);
	(void)printf(_("Root of trust, to compare by phone:\n  %.39s\n  %s\n"),
	    fingerprint, fingerprint + 40);
	if (!join->cert.registered)
		(void)printf("%s",
		    _("Provisional until the top node has countersigned; "
		      "records are taken and sent all the same.\n"));
	(void)printf(_("Start it: terraced -c %s/terrace.yaml\n"),
	    join->options.dir);
}

static int read_token(struct join *join)
{
	const char *why = NULL;
	int rc = td_token_decode(join->options.what, &join->token, &why);

	return rc == 0
	    ? 0
	    : td_enrol_say(rc, _("this is no whole token: %s"), why);
}

int td_join_main(int argc, char **argv)
{
	struct join join = { .want_size = 0 };
	int rc = td_enrol_options(argc, argv, true, &join.options);

	if (rc == 0)
		rc = read_token(&join);
	if (rc == 0)
		rc = prepare(&join);
	if (rc == 0)
		rc = ask_parent(&join);
	if (rc == 0)
		rc = finish(&join);
	if (rc == 0)
		print_result(&join);
	wire_arena_free(join.answer.arena);
	td_keyfile_wipe(&join.keys);
	sodium_memzero(&join.token, sizeof(join.token));
	return tr_err_exit(rc);
}
