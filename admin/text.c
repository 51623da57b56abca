/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/text.h"

#include "admin/mem.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <unistr.h>
#include <uniwidth.h>

#define PATH_SIZE 4096

/* The language of the usual variables: "zh_CN.UTF-8" -> "zh_CN". */
static void language_from_environment(char *out, size_t size)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && value[0] != '\0') {
			snprintf(out, size, "%.*s",
			    (int)strcspn(value, ".@"), value);
			return;
		}
	}
}

static bool is_plain_language(const char *name)
{
	return name[0] == '\0' || strcmp(name, "C") == 0 ||
	       strcmp(name, "POSIX") == 0;
}

const char *tc_text_locale_dir(void)
{
	static char dir[PATH_SIZE];
	ssize_t size = readlink("/proc/self/exe", dir, sizeof(dir) - 64);
	struct stat st;
	char *slash;

	if (size > 0) {
		dir[size] = '\0';
		slash = strrchr(dir, '/');
		if (slash != NULL) {
			strcpy(slash, "/locale");
			/* In /usr/bin there is a program of that name. */
			if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
				return dir;
		}
	}
	return TERRACE_LOCALEDIR;
}

void tc_text_init(const char *lang)
{
	char language[TC_TEXT_SHORT];
	const char *locale = setlocale(LC_ALL, "");
	bool fits = locale != NULL &&
		    strcmp(nl_langinfo(CODESET), "UTF-8") == 0;

	language_from_environment(language, sizeof(language));
	if (lang != NULL)
		snprintf(language, sizeof(language), "%.*s",
		    (int)strcspn(lang, ".@"), lang);
	/* Data are UTF-8 whatever the terminal says; and gettext never
	 * translates in the locale "C". */
	if (!fits || lang != NULL)
		setlocale(LC_ALL, "C.UTF-8");
	if (lang != NULL) {
		setenv("LANGUAGE", is_plain_language(language) ? "en" : language,
		    1);
	} else if (!fits) {
		if (is_plain_language(language))
			setenv("LANGUAGE", "en", 1);
		else
			setenv("LANGUAGE", language, 0);
	}
	/* Numbers are read and written with a point. */
	setlocale(LC_NUMERIC, "C");
	bindtextdomain("terrace", tc_text_locale_dir());
	bind_textdomain_codeset("terrace", "UTF-8");
	textdomain("terrace");
}

const char *tc_text_of(const char *key)
{
	/* gettext("") is the catalogue's header. */
	return key[0] != '\0' ? gettext(key) : "";
}

bool tc_text_is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c ||
	       (c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069) || c == 0xfeff ||
	       (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

static char *clean(const char *text, bool keep_lines)
{
	size_t size = strlen(text), used = 0;
	char *out = tc_mem_alloc(size * 3 + 1, 1);

	for (size_t at = 0; at < size;) {
		ucs4_t c;
		int step = u8_mbtouc(
		    &c, (const uint8_t *)text + at, size - at);

		/* u8_mbtouc gives U+FFFD for a broken sequence. */
		at += (size_t)(step > 0 ? step : 1);
		if (c == '\n' && keep_lines)
			out[used++] = '\n';
		else if (c == '\n' || c == '\t' || c == '\r')
			out[used++] = ' ';
		else if (!tc_text_is_control(c))
			used += (size_t)u8_uctomb(
			    (uint8_t *)out + used, c, (ptrdiff_t)6);
	}
	out[used] = '\0';
	return out;
}

char *tc_text_clean(const char *text)
{
	return clean(text, false);
}

char *tc_text_clean_lines(const char *text)
{
	return clean(text, true);
}

char *tc_text_clean_in(char *text)
{
	char *copy = clean(text, false);
	size_t size = strlen(text), got = strlen(copy);

	/* U+FFFD may be longer than what it stands for: cut at a character. */
	while (got > size) {
		do
			got--;
		while (got > 0 && ((unsigned char)copy[got] & 0xc0) == 0x80);
	}
	memcpy(text, copy, got);
	text[got] = '\0';
	free(copy);
	return text;
}

int tc_text_width(const char *text)
{
	return u8_width((const uint8_t *)text, strlen(text), "UTF-8");
}

const char *tc_text_age(char out[static TC_TEXT_SHORT], double seconds)
{
	long long s = (long long)seconds;

	if (seconds < 0)
		snprintf(out, TC_TEXT_SHORT, "-");
	else if (s < 60)
		snprintf(out, TC_TEXT_SHORT, "%llds", s);
	else if (s < 3600)
		snprintf(out, TC_TEXT_SHORT, "%lldm", s / 60);
	else if (s < 86400)
		snprintf(out, TC_TEXT_SHORT, "%lldh%02lldm", s / 3600,
		    s % 3600 / 60);
	else
		snprintf(out, TC_TEXT_SHORT, "%lldd%lldh", s / 86400,
		    s % 86400 / 3600);
	return out;
}

const char *tc_text_bytes(char out[static TC_TEXT_SHORT], double bytes)
{
	static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	size_t i = 0;

	while (bytes >= 1024 && i + 1 < sizeof(unit) / sizeof(unit[0])) {
		bytes /= 1024;
		i++;
	}
	snprintf(out, TC_TEXT_SHORT, i == 0 ? "%.0f %s" : "%.1f %s", bytes,
	    unit[i]);
	return out;
}

const char *tc_text_count(char out[static TC_TEXT_SHORT], int64_t count)
{
	char digits[TC_TEXT_SHORT / 2];
	int size = snprintf(digits, sizeof(digits), "%lld", (long long)count);
	size_t used = 0;

	for (int i = 0; i < size; i++) {
		if (i > 0 && (size - i) % 3 == 0 && digits[i - 1] != '-')
			out[used++] = ',';
		out[used++] = digits[i];
	}
	out[used] = '\0';
	return out;
}
