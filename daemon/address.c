/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/address.h"

#include "proto/err.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const PREFIX = "tcp://";

static int parse_port(const char *text, bool to_listen, uint16_t *port,
    const char **why)
{
	size_t digits = strspn(text, "0123456789");
	long value = 0;

	if (digits == 0 || digits > 5 || text[digits] != '\0') {
		*why = "the port must be a number";
		return TR_E_INPUT;
	}
	value = strtol(text, NULL, 10);
	if (value > 65535 || (value == 0 && !to_listen)) {
		*why = "the port must be 1 to 65535";
		return TR_E_INPUT;
	}
	*port = (uint16_t)value;
	return 0;
}

static int check_host(struct td_address *address, bool bracketed,
    bool to_listen, const char **why)
{
	struct in6_addr v6;
	struct in_addr v4;
	const char *host = address->host;

	if (inet_pton(AF_INET6, host, &v6) == 1) {
		/* ZeroMQ names an IPv4 address this way if IPv6 is on. */
		if (bracketed && IN6_IS_ADDR_V4MAPPED(&v6)) {
			memcpy(&v4, &v6.s6_addr[12], sizeof(v4));
			(void)inet_ntop(AF_INET, &v4, address->host,
			    sizeof(address->host));
			address->is_numeric = true;
			return 0;
		}
		address->is_numeric = address->is_v6 = true;
		*why =
		    "an IPv6 address is written in brackets: tcp://[::1]:7400";
		return bracketed ? 0 : TR_E_INPUT;
	}
	*why = "no IPv6 address in the brackets";
	if (bracketed)
		return TR_E_INPUT;
	if (inet_pton(AF_INET, host, &v4) == 1) {
		address->is_numeric = true;
		return 0;
	}
	if (to_listen && strcmp(host, "*") == 0)
		return 0;
	*why = "the host is neither an IP address nor a name";
	if (host[0] == '\0' || host[0] == '-' || host[0] == '.')
		return TR_E_INPUT;
	/* Digits and dots only: a mistyped IPv4 address, not a name. */
	if (strspn(host, "0123456789.") == strlen(host))
		return TR_E_INPUT;
	if (strspn(host,
	        "abcdefghijklmnopqrstuvwxyz"
	        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != strlen(host))
		return TR_E_INPUT;
	return 0;
}

/* "any address": fine to listen on, nothing that one could dial. */
static bool is_any(const struct td_address *address)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, address->host, &v4) == 1)
		return v4.s_addr == htonl(INADDR_ANY);
	return inet_pton(AF_INET6, address->host, &v6) == 1
	    && IN6_IS_ADDR_UNSPECIFIED(&v6);
}

int td_address_parse(const char *text, bool to_listen, struct td_address *out,
    const char **why)
{
	struct td_address address = {.port = 0};
	const char *host = text;
	const char *colon = strrchr(text, ':');
	size_t size = 0;
	bool bracketed = false;
	int rc = 0;

	if (strncmp(text, PREFIX, strlen(PREFIX)) == 0)
		host += strlen(PREFIX);
	*why = "wanted: tcp://HOST:PORT";
	if (strstr(host, "://") != NULL || colon == NULL || colon < host)
		return TR_E_INPUT;
	size = (size_t)(colon - host);
	if (size >= 2 && host[0] == '[' && colon[-1] == ']') {
		bracketed = true;
		host++;
		size -= 2;
	}
	*why = "the host is too long";
	if (size > TD_ADDRESS_HOST_MAX)
		return TR_E_INPUT;
	memcpy(address.host, host, size);
	rc = check_host(&address, bracketed, to_listen, why);
	if (rc == 0)
		rc = parse_port(colon + 1, to_listen, &address.port, why);
	if (rc == 0 && !to_listen && is_any(&address)) {
		*why = "this means \"any address\"; name one that others reach";
		rc = TR_E_INPUT;
	}
	if (rc == 0)
		*out = address;
	return rc;
}

void td_address_print(const struct td_address *address, char *out)
{
	(void)snprintf(out, TD_ADDRESS_MAX + 1,
	    address->is_v6 ? "%s[%s]:%u" : "%s%s:%u", PREFIX, address->host,
	    (unsigned)address->port);
}
