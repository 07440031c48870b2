/* SPDX-License-Identifier: Apache-2.0
 * What may come next on a command line that is half typed: for the shell's completion (completions/relctl).
 * Options and commands are those of the table of verbs; versions and workers those of the root, read from its
 * files, as the daemon may be away.  Files are the shell's own business: a line `:files` or `:dirs` asks for them.
 */
#include "config.h"

#include <dirent.h>
#include <string.h>

#include "ctl/ctl.h"

struct half {
	FILE *out;
	const char *root;             /* NULL: it is not known */
	const char *current;          /* the word that is being typed */
	char words[128];              /* the verb, as far as it is there */
	const struct ctl_verb *verb;  /* NULL: not reached yet */
	size_t args;                  /* before the current word */
	const struct ctl_opt *value;  /* whose value the current word is; NULL: it is none */
};

static void
offer(const struct half *h, const char *prefix, const char *name, size_t n)
{
	size_t typed = strlen(h->current), dashes = strlen(prefix);
	if (typed > dashes + n || strncmp(h->current, prefix, typed < dashes ? typed : dashes) != 0 ||
	    (typed > dashes && strncmp(h->current + dashes, name, typed - dashes) != 0))
		return;
	fprintf(h->out, "%s%.*s\n", prefix, (int)n, name);
}

/* ------------------------------------------------------------------ what is there by name */
static void
offer_versions(const struct half *h)
{
	char path[4096];
	struct dirent *e;
	if (h->root == NULL || (size_t)snprintf(path, sizeof(path), "%s/releases", h->root) >= sizeof(path))
		return;
	DIR *d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && rel_version_ok(e->d_name))
			offer(h, "", e->d_name, strlen(e->d_name));
	if (d != NULL)
		closedir(d);
}

/* The first word of each row of run/pids, but for the row of the boot. */
static void
offer_workers(const struct half *h)
{
	char path[4096], line[512];
	if (h->root == NULL || (size_t)snprintf(path, sizeof(path), "%s/run/pids", h->root) >= sizeof(path))
		return;
	FILE *f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		size_t n = strcspn(line, " \n");
		if (memchr(line, '/', n) != NULL)
			offer(h, "", line, n);
	}
	if (f != NULL)
		fclose(f);
}

/* Each once: of verbs of two words the first is common to some. */
static void
offer_verbs(const struct half *h)
{
	size_t begun = strlen(h->words);
	const char *last = "";
	for (const struct ctl_group *g = ctl_groups; g->title != NULL; g++)
		for (const struct ctl_verb *v = g->verbs; v->name != NULL; v++) {
			const char *word = begun == 0 ? v->name : v->name + begun + 1;
			if (begun > 0 && (strncmp(v->name, h->words, begun) != 0 || v->name[begun] != ' '))
				continue;
			size_t n = strcspn(word, " ");
			if (strncmp(word, last, n) == 0 && strcspn(last, " ") == n)
				continue;
			last = word;
			offer(h, "", word, n);
		}
}

/* By what the table calls it. */
static void
offer_kind(const struct half *h, const char *kind, size_t n)
{
	char name[64];
	snprintf(name, sizeof(name), "%.*s", (int)n, kind);
	if (strchr(name, '|') != NULL)
		for (const char *at = name; *at != '\0'; at += strcspn(at, "|"), at += *at == '|')
			offer(h, "", at, strcspn(at, "|"));
	else if (strcmp(name, "FORMAT") == 0)
		offer_kind(h, "text|json", strlen("text|json"));
	else if (strcmp(name, "VERSION") == 0)
		offer_versions(h);
	else if (strcmp(name, "WORKER") == 0)
		offer_workers(h);
	else if (strcmp(name, "COMMAND") == 0)
		offer_verbs(&(struct half){.out = h->out, .current = h->current});
	else if (strstr(name, "DIR") != NULL)
		fputs(":dirs\n", h->out);
	else if (strcmp(name, "JSON") != 0 && name[0] != 'D') /* D and DURATION: a time */
		fputs(":files\n", h->out);
}

/* ------------------------------------------------------------------ what the verb takes */
/* The argument that is due, by the synopsis: "A [B] …" with options among them, "[--lib DIR …]", "--lib DIR". */
static void
offer_argument(const struct half *h)
{
	const char *kind = NULL, *at = h->verb->synopsis;
	size_t n = 0, args = 0;
	bool option = false, value = false;
	while (*at != '\0' && args <= h->args) {
		size_t word = strcspn(at, " ");
		bool ends = word > 0 && at[word - 1] == ']', begins = strncmp(at, "[--", 3) == 0;
		if (strncmp(at, "…", strlen("…")) == 0 && !option) {
			break; /* as often as one likes */
		} else if (option || begins) {
			option = !ends;
		} else if (strncmp(at, "--", 2) == 0) {
			value = true;
		} else if (value) {
			value = false;
		} else {
			kind = at + (*at == '[');
			n = word - (*at == '[') - ends;
			args++;
		}
		at += word + strspn(at + word, " ");
	}
	if (kind != NULL && (args > h->args || strncmp(at, "…", strlen("…")) == 0))
		offer_kind(h, kind, n);
}

static void
offer_options(const struct half *h)
{
	const struct ctl_opt *lists[] = {h->verb != NULL ? h->verb->opts : NULL, ctl_global_opts};
	for (size_t i = 0; i < NELEM(lists); i++)
		for (const struct ctl_opt *o = lists[i]; o != NULL && o->name != NULL; o++)
			offer(h, "--", o->name, strlen(o->name));
}

/* ------------------------------------------------------------------ what was typed */
static const struct ctl_opt *
find_option(const struct half *h, const char *word)
{
	const struct ctl_opt *lists[] = {h->verb != NULL ? h->verb->opts : NULL, ctl_global_opts};
	const char *name = strcmp(word, "-o") == 0 ? "output" : word + strspn(word, "-");
	for (size_t i = 0; i < NELEM(lists); i++)
		for (const struct ctl_opt *o = lists[i]; o != NULL && o->name != NULL; o++)
			if (strcmp(o->name, name) == 0)
				return o;
	return NULL;
}

static void
take_option(struct half *h, const struct ctl_opt *o, const char *value)
{
	if (strcmp(o->name, "root") == 0)
		h->root = value;
	else if (strcmp(o->name, "socket") == 0)
		h->root = NULL;
}

static void
take_word(struct half *h, const char *word)
{
	size_t n = strlen(h->words);
	if (h->verb != NULL) {
		h->args++;
		return;
	}
	snprintf(h->words + n, sizeof(h->words) - n, "%s%s", n > 0 ? " " : "", word);
	h->verb = ctl_verb_find(h->words);
}

/* The shell gives `--purge=so` as three words. */
static void
read_words(struct half *h, char **words, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++) {
		const struct ctl_opt *o = words[i][0] == '-' ? find_option(h, words[i]) : NULL;
		if (words[i][0] != '-')
			take_word(h, words[i]);
		if (o == NULL || o->value == NULL)
			continue;
		if (strcmp(words[i + 1], "=") == 0 && ++i + 1 == n)
			h->current = "";
		if (i + 2 < n)
			take_option(h, o, words[++i]);
		else
			h->value = o;
	}
}

int
ctl_complete(struct ctl *c, char **words, size_t n)
{
	struct half h = {.out = c->out, .root = c->root, .current = n > 0 ? words[n - 1] : ""};
	read_words(&h, words, n);
	if (h.value != NULL)
		offer_kind(&h, h.value->value, strlen(h.value->value));
	else if (h.current[0] == '-')
		offer_options(&h);
	else if (h.verb != NULL)
		offer_argument(&h);
	else
		offer_verbs(&h);
	return 0;
}
