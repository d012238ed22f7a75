// SPDX-License-Identifier: GPL-2.0-or-later
// Broken configurations: each mistake gets its message.
// The cases and their messages are in tests/golden/bad-config.golden.

#include "suite.h"
#include "written.h"

#include <errno.h>
#include <string.h>

/* The golden file: a base, and cases that are changes of it. */

struct lines {
	char **v;
	size_t n;
};

static void lines_add(struct lines *lines, const char *text)
{
	lines->v = reallocarray(lines->v, lines->n + 1, sizeof(*lines->v));
	ck_assert_ptr_nonnull(lines->v);
	lines->v[lines->n] = strdup(text);
	ck_assert_ptr_nonnull(lines->v[lines->n]);
	lines->n++;
}

static void lines_done(struct lines *lines)
{
	for (size_t i = 0; i < lines->n; i++)
		free(lines->v[i]);
	free(lines->v);
	*lines = (struct lines){};
}

static struct lines lines_read(const char *path)
{
	_cleanup_(fclosep) FILE *file = fopen(path, "re");
	_cleanup_(freep) char *text = NULL;
	struct lines lines = {};
	size_t room = 0;
	ssize_t n;

	ck_assert_msg(file != NULL, "%s", path);
	while ((n = getline(&text, &room, file)) >= 0) {
		if (n > 0 && text[n - 1] == '\n')
			text[n - 1] = '\0';
		lines_add(&lines, text);
	}
	return lines;
}

static const char *after(const char *line, const char *sign)
{
	size_t n = strlen(sign);

	return strncmp(line, sign, n) == 0 ? line + n : NULL;
}

/* Puts the lines from *i on, up to the next sign of the golden file, in place of at. */
static void change(struct lines *text, const char *at, const struct lines *golden_lines, size_t *i)
{
	_cleanup_(lines_done) struct lines before = TAKE(*text);
	size_t first = *i;
	bool found = false;

	while (*i < golden_lines->n && !after(golden_lines->v[*i], "@@ ") &&
	       !after(golden_lines->v[*i], "!! "))
		(*i)++;

	if (strcmp(at, "all") == 0)
		lines_done(&before);
	for (size_t b = 0; b <= before.n; b++) {
		bool here = b < before.n ? strcmp(before.v[b], at) == 0
					 : strcmp(at, "end") == 0 || strcmp(at, "all") == 0;

		if (b < before.n && !here)
			lines_add(text, before.v[b]);
		for (size_t j = first; here && j < *i; j++)
			lines_add(text, golden_lines->v[j]);
		found |= here;
	}
	ck_assert_msg(found, "the base has no line \"%s\"", at);
}

static void message_for(const struct lines *text, struct fault *fault)
{
	_cleanup_(config_done) struct config config = {};
	_cleanup_(freep) char *bytes = NULL;
	size_t n = 0;
	FILE *out = open_memstream(&bytes, &n);

	ck_assert_ptr_nonnull(out);
	for (size_t i = 0; i < text->n; i++)
		fprintf(out, "%s\n", text->v[i]);
	fclose(out);
	if (load_bytes(bytes, n, &config, fault) == 0)
		fault_set(fault, 0, "(accepted)");
}

START_TEST(every_mistake_gets_its_message)
{
	_cleanup_(freep) char *path = golden_path("bad-config.golden");
	_cleanup_(lines_done) struct lines all = lines_read(path);
	_cleanup_(lines_done) struct lines base = {}, text = {};
	const char *name = "";
	unsigned cases = 0, wrong = 0;

	for (size_t i = 0; i < all.n;) {
		const char *line = all.v[i++], *rest;

		if ((rest = after(line, "== "))) {
			name = rest;
			lines_done(&text);
			for (size_t b = 0; b < base.n; b++)
				lines_add(&text, base.v[b]);
		} else if ((rest = after(line, "@@ "))) {
			change(&text, rest, &all, &i);
		} else if ((rest = after(line, "!! "))) {
			struct fault fault = {};

			message_for(&text, &fault);
			cases++;
			if (strcmp(fault.text, rest) != 0) {
				printf("%s:\n  expected %s\n  got      %s\n", name, rest,
				       fault.text);
				wrong++;
				free(all.v[i - 1]);
				ck_assert_int_ge(asprintf(&all.v[i - 1], "!! %s", fault.text), 0);
			}
		} else if (strcmp(name, "base") == 0 && cases == 0) {
			lines_add(&base, line);
		}
	}

	if (wrong > 0 && getenv("MWAN_UPDATE_GOLDEN")) {
		_cleanup_(fclosep) FILE *file = fopen(path, "we");

		ck_assert_ptr_nonnull(file);
		for (size_t i = 0; i < all.n; i++)
			fprintf(file, "%s\n", all.v[i]);
		return;
	}
	ck_assert_uint_ge(cases, 150);
	ck_assert_msg(wrong == 0, "%u of %u messages differ", wrong, cases);
}
END_TEST

/* Damage in every place of a good file: never a crash, always one line. */
START_TEST(garbage_is_refused_in_one_line)
{
	static const char good[] = LAN "prefix6 = fd00:1::/60\n" ATT "prefix6 = fd00:2::/60\n"
				       "ping4 = 1.1.1.1,\n 8.8.8.8\n[balance]\nmode = source\n" MAP;
	static const char *const bits[] = { "\n", "\xff", "[", "]", "=",  " ",
					    "\t", ",",	  ";", "/", "\0", "999" };
	char bytes[sizeof(good) + 8];
	unsigned seed = 1;

	for (unsigned round = 0; round < 5000; round++) {
		_cleanup_(config_done) struct config config = {};
		struct fault fault = {};
		size_t n = sizeof(good) - 1;

		memcpy(bytes, good, n);
		for (int hits = 1 + rand_r(&seed) % 3; hits > 0; hits--) {
			const char *bit = bits[(unsigned)rand_r(&seed) % ARRAY_SIZE(bits)];
			size_t at = (unsigned)rand_r(&seed) % n;

			if (rand_r(&seed) % 2) {
				bytes[at] = *bit;
			} else {
				size_t len = (unsigned)rand_r(&seed) % (n - at);

				memmove(bytes + at, bytes + at + len, n - at - len);
				n -= len;
				if (n == 0)
					n = 1;
			}
		}
		if (load_bytes(bytes, n, &config, &fault) == 0)
			continue;
		ck_assert_ptr_null(strpbrk(fault.text, "\n\r\t"));
		ck_assert_msg(strncmp(fault.text, "site.conf:", 10) == 0, "%s", fault.text);
	}
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("mistakes");

	tcase_add_checked_fixture(tcase, enter_folder, leave_folder);
	tcase_add_test(tcase, every_mistake_gets_its_message);
	tcase_add_test(tcase, garbage_is_refused_in_one_line);

	return run_case(tcase, "mistakes");
}
