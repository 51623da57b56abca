/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/text.h"

#include <stdio.h>
#include <string.h>
#include <unistr.h>

#include "proto/wire.h"

#define MS_MIN INT64_C(-2208988800000) /* 1900-01-01T00:00:00Z */
#define MS_MAX INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */
#define DIGITS_FULL UINT64_C(100000000000000000) /* 18 digits: one more does not fit */

/* Days since 1970-01-01 of a civil date (H. Hinnant, "chrono-compatible
 * low-level date algorithms"); year >= 0. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = y / 400;
	unsigned yoe = (unsigned)(y - era * 400);
	unsigned doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 +
		       day - 1;
	unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + (int64_t)doe - 719468;
}

static unsigned days_in_month(int64_t year, unsigned month)
{
	static const uint8_t days[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29u : days[month - 1];
}

/* n decimal digits at *p; false if one of them is none. */
static bool digits(const uint8_t **p, const uint8_t *end, int n, unsigned *out)
{
	unsigned v = 0;

	if (end - *p < n)
		return false;
	for (int i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		v = v * 10 + (**p - '0');
	}
	*out = v;
	return true;
}

static bool one(const uint8_t **p, const uint8_t *end, const char *set)
{
	if (*p >= end || **p == '\0' || strchr(set, **p) == NULL)
		return false;
	(*p)++;
	return true;
}

static bool read_fraction(const uint8_t **p, const uint8_t *end, unsigned *ms)
{
	unsigned v = 0, n = 0;

	*ms = 0;
	if (*p >= end || **p != '.')
		return true;
	for ((*p)++; *p < end && **p >= '0' && **p <= '9'; (*p)++, n++)
		if (n < 3)
			v = v * 10 + (**p - '0');
	if (n == 0 || n > 9)
		return false;
	for (; n < 3; n++)
		v *= 10;
	*ms = v;
	return true;
}

static bool read_offset(const uint8_t **p, const uint8_t *end, int64_t *ms)
{
	unsigned h, m;
	bool minus;

	*ms = 0;
	if (one(p, end, "Zz"))
		return true;
	minus = *p < end && **p == '-';
	if (!one(p, end, "+-") || !digits(p, end, 2, &h) ||
	    !one(p, end, ":") || !digits(p, end, 2, &m) || h > 23 || m > 59)
		return false;
	*ms = (int64_t)(h * 60 + m) * 60000 * (minus ? -1 : 1);
	return true;
}

bool td_text_read_time(struct tr_bytes text, int64_t *ms)
{
	const uint8_t *p = text.data, *end = text.data + text.size;
	unsigned year, month, day, hour, minute, second, fraction;
	int64_t offset, v;

	if (!digits(&p, end, 4, &year) || !one(&p, end, "-") ||
	    !digits(&p, end, 2, &month) || !one(&p, end, "-") ||
	    !digits(&p, end, 2, &day) || !one(&p, end, "Tt ") ||
	    !digits(&p, end, 2, &hour) || !one(&p, end, ":") ||
	    !digits(&p, end, 2, &minute) || !one(&p, end, ":") ||
	    !digits(&p, end, 2, &second) || !read_fraction(&p, end, &fraction) ||
	    !read_offset(&p, end, &offset) || p != end)
		return false;
	if (month < 1 || month > 12 || day < 1 ||
	    day > days_in_month(year, month) || hour > 23 || minute > 59 ||
	    second > 60)
		return false;
	if (second == 60)
		second = 59;
	v = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 +
	    second;
	v = v * 1000 + fraction - offset;
	if (v < MS_MIN || v > MS_MAX)
		return false;
	*ms = v;
	return true;
}

static void civil_of(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
	int64_t z = days + 719468;
	int64_t era = z / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe =
	    (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;

	*day = doy - (153 * mp + 2) / 5 + 1;
	*month = mp < 10 ? mp + 3 : mp - 9;
	*year = (unsigned)(yoe + era * 400) + (*month <= 2 ? 1 : 0);
}

void td_text_write_time(int64_t ms, char out[static TD_TIME_SIZE])
{
	int64_t v = ms < MS_MIN ? MS_MIN : ms > MS_MAX ? MS_MAX : ms;
	int64_t days = (v - (v < 0 ? 86399999 : 0)) / 86400000;
	unsigned year, month, day;
	unsigned rest = (unsigned)(v - days * 86400000);
	unsigned s = rest / 1000 % 86400, fraction = rest % 1000;
	int n;

	civil_of(days, &year, &month, &day);
	n = snprintf(out, TD_TIME_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u",
	    year % 10000, month % 100, day % 100, s / 3600, s / 60 % 60, s % 60);
	if (fraction != 0)
		snprintf(out + n, TD_TIME_SIZE - (size_t)n, ".%03uZ", fraction);
	else
		snprintf(out + n, TD_TIME_SIZE - (size_t)n, "Z");
}

bool td_text_read_uuid(struct tr_bytes text, struct tr_rec_id *id)
{
	struct tr_rec_id v = {{0}};
	bool has_dashes = text.size == 36;
	size_t n = 0;

	if (text.size != 36 && text.size != 32)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		int d;

		if (has_dashes && (i == 8 || i == 13 || i == 18 || i == 23)) {
			if (text.data[i] != '-')
				return false;
			continue;
		}
		d = wire_hex_digit(text.data[i]);
		if (d < 0)
			return false;
		v.b[n / 2] = (uint8_t)(v.b[n / 2] << 4 | d);
		n++;
	}
	*id = v;
	return true;
}

void td_text_clean(char *text)
{
	uint8_t *p = (uint8_t *)text;
	size_t size = strlen(text);
	const uint8_t *bad;

	while ((bad = u8_check(p, size)) != NULL) {
		size_t at = (size_t)(bad - p);

		p[at] = '?';
		p += at + 1;
		size -= at + 1;
	}
}

void td_text_write_hex(const uint8_t *bytes, size_t size, char *out)
{
	static const char set[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		*out++ = set[bytes[i] >> 4];
		*out++ = set[bytes[i] & 15];
	}
	*out = '\0';
}

void td_text_write_uuid(const struct tr_rec_id *id, char out[static TD_UUID_SIZE])
{
	static const uint8_t sizes[] = {4, 2, 2, 2, 6};
	const uint8_t *p = id->b;

	for (size_t i = 0; i < sizeof(sizes); i++) {
		if (i > 0)
			*out++ = '-';
		td_text_write_hex(p, sizes[i], out);
		out += 2 * sizes[i];
		p += sizes[i];
	}
}

void td_text_write_nid(struct tr_nid nid, char out[static TD_NID_SIZE])
{
	uint8_t be[8];

	for (int i = 0; i < 8; i++)
		be[i] = (uint8_t)(nid.v >> (56 - 8 * i));
	td_text_write_hex(be, sizeof(be), out);
}

/* The digits of a JSON number without sign, point and exponent: at most 18,
 * and the power of ten that they are to be taken with. */
struct decimal {
	uint64_t digits;
	int power;
	bool round_up; /* first digit cut off was >= 5 */
};

static bool read_decimal(const uint8_t *p, const uint8_t *end, struct decimal *d)
{
	bool point = false, cut = false;
	int exponent = 0, sign = 1;

	for (; p < end && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.') {
			point = true;
			continue;
		}
		if (*p < '0' || *p > '9')
			return false;
		if (d->digits >= DIGITS_FULL) {
			if (!cut)
				d->round_up = *p >= '5';
			cut = true;
			d->power += point ? 0 : 1;
			continue;
		}
		d->digits = d->digits * 10 + (*p - '0');
		d->power -= point ? 1 : 0;
	}
	if (p < end) {
		p++;
		if (p < end && (*p == '-' || *p == '+'))
			sign = *p++ == '-' ? -1 : 1;
		for (; p < end && exponent < 1000; p++)
			exponent = exponent * 10 + (*p - '0');
	}
	d->power += sign * exponent;
	return true;
}

bool td_text_read_scaled(struct tr_bytes text, unsigned places, int64_t *out)
{
	const uint8_t *p = text.data, *end = text.data + text.size;
	bool minus = text.size > 0 && *p == '-';
	struct decimal d = {0};

	if (minus)
		p++;
	if (p == end || !read_decimal(p, end, &d))
		return false;
	d.power += (int)places;
	for (; d.power < 0; d.power++) {
		d.round_up = d.digits % 10 >= 5;
		d.digits /= 10;
		if (d.digits == 0 && !d.round_up)
			break;
	}
	for (; d.power > 0 && d.digits > 0; d.power--) {
		if (d.digits >= DIGITS_FULL)
			return false;
		d.digits *= 10;
		d.round_up = false;
	}
	if (d.round_up)
		d.digits++;
	*out = minus ? -(int64_t)d.digits : (int64_t)d.digits;
	return true;
}

void td_text_write_deg(int64_t e7, char out[static TD_DEG_SIZE])
{
	uint64_t v = e7 < 0 ? (uint64_t)0 - (uint64_t)e7 : (uint64_t)e7;
	unsigned whole = (unsigned)(v / 10000000 % 100000);
	int n = snprintf(out, TD_DEG_SIZE, "%s%u.%07u", e7 < 0 ? "-" : "",
	    whole, (unsigned)(v % 10000000));

	while (n > 0 && out[n - 1] == '0')
		n--;
	if (n > 0 && out[n - 1] == '.')
		n--;
	out[n] = '\0';
}
