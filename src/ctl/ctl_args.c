/* SPDX-License-Identifier: Apache-2.0
 * The command line: global options anywhere, a verb of one or two words, its options and
 * arguments in any order.  Parsing goes on after an error (the first one is told), so that an
 * `-o json` behind it still decides how the error is printed.
 */
#include "config.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"

enum { G_ROOT = 1, G_SOCKET, G_OUTPUT, G_QUIET, G_NO_COLOR, G_TIMEOUT, G_HELP, G_VERSION };

const struct ctl_opt ctl_global_opts[] = {
    {G_ROOT, "root", "DIR", "the host's root (RELUP_ROOT; " CTL_ROOT_DEFAULT ")"},
    {G_SOCKET, "socket", "PATH", "the daemon's socket, in place of ROOT/run/control.sock"},
    {G_OUTPUT, "output", "FORMAT", "-o text (default) or -o json"},
    {G_QUIET, "quiet", NULL, "-q: no progress, no hints"},
    {G_NO_COLOR, "no-color", NULL, "no colours (also NO_COLOR, TERM=dumb, or no terminal)"},
    {G_TIMEOUT, "timeout", "DURATION", "give up waiting after this long (500ms, 5s, 10m, 2h)"},
    {G_HELP, "help", NULL, "-h: this text, or that of the command"},
    {G_VERSION, "version", NULL, "print the version"},
    {0, NULL, NULL, NULL},
};

#define OPTS_MAX    48	 /* of one verb, global ones included */
#define GLOBAL_BASE 1000 /* getopt's value: GLOBAL_BASE + id, VERB_BASE + id */
#define VERB_BASE   2000

struct parse {
	struct ctl *c;
	int argc;
	char **argv;
	const struct ctl_verb *verb; /* NULL: not reached yet */
	struct option longs[OPTS_MAX + 1];
	size_t long_count;
	struct ctl_args *args;
	enum ctl_ask ask;
	bool root_given;
	struct rel_err *err;
};

/* ------------------------------------------------------------------ errors */
static void usage(struct parse *p, const char *fmt, ...) RTE_PRINTF(2, 3);

static void
usage(struct parse *p, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	if (p->err->code != REL_OK)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rel_err_set(p->err, REL_E_USAGE, "%s", text);
}

static void
usage_hint(struct parse *p, const char *near, const char *dashes)
{
	const char *verb = p->verb != NULL ? p->verb->name : "";
	const char *space = p->verb != NULL ? " " : "";
	if (p->err->hint[0] != '\0')
		return;
	if (near != NULL)
		rel_err_hint(p->err, "did you mean `%s%s`? `relctl%s%s --help` says more", dashes,
		    near, space, verb);
	else
		rel_err_hint(p->err, "see `relctl%s%s --help`", space, verb);
}

static void
unknown_option(struct parse *p, const char *text)
{
	char name[64];
	const char *word = text + strspn(text, "-");
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	struct ctl_near near = {.word = name};
	for (size_t i = 0; i < p->long_count; i++)
		ctl_near_offer(&near, p->longs[i].name);
	usage(p, "%s does not know the option `%s`", p->verb != NULL ? p->verb->name : "relctl",
	    text);
	usage_hint(p, ctl_near_best(&near), "--");
}

static void
offer_verb(void *ctx, const struct ctl_verb *v)
{
	ctl_near_offer(ctx, v->name);
}

static void
unknown_verb(struct parse *p, const char *words)
{
	struct ctl_near near = {.word = words};
	ctl_verb_each(offer_verb, &near);
	if (ctl_verb_is_prefix(words)) {
		usage(p, "`%s` needs one more word", words);
		rel_err_hint(p->err, "`relctl %s --help` lists its commands", words);
		return;
	}
	usage(p, "there is no command `%s`", words);
	usage_hint(p, ctl_near_best(&near), "relctl ");
}

/* ------------------------------------------------------------------ options */
static void
take_output(struct parse *p, const char *value)
{
	if (strcmp(value, "json") == 0)
		p->c->format = CTL_JSON;
	else if (strcmp(value, "text") == 0)
		p->c->format = CTL_TEXT;
	else
		usage(p, "-o takes text or json, not `%s`; files are named by --out", value);
}

static void
take_timeout(struct parse *p, const char *value)
{
	struct rel_err err = REL_ERR_INIT;
	if (rel_dur_parse(value, &p->c->timeout, &err) < 0)
		usage(p, "--timeout: %s", err.text);
}

static void
take_global(struct parse *p, int id, const char *value)
{
	switch (id) {
	case G_ROOT:
		p->c->root = value;
		p->root_given = true;
		break;
	case G_SOCKET:
		p->c->socket = value;
		break;
	case G_OUTPUT:
		take_output(p, value);
		break;
	case G_QUIET:
		p->c->quiet = true;
		break;
	case G_NO_COLOR:
		p->c->color = false;
		break;
	case G_TIMEOUT:
		take_timeout(p, value);
		break;
	case G_HELP:
		p->ask = CTL_ASK_HELP;
		break;
	default:
		if (p->ask == CTL_ASK_NOTHING)
			p->ask = CTL_ASK_VERSION;
	}
}

/* getopt tells a long option that takes no value by its number, a short one by its letter. */
static void
refused_option(struct parse *p)
{
	const char *text = p->argv[optind - 1];
	char letter[3] = {'-', (char)optopt, '\0'};
	if (optopt >= GLOBAL_BASE) {
		usage(p, "the option `%s` takes no value", text);
		usage_hint(p, NULL, "");
	} else
		unknown_option(p, optopt != 0 ? letter : text);
}

static void
take_option(struct parse *p, int got)
{
	switch (got) {
	case 'o':
		take_output(p, optarg);
		return;
	case 'q':
		p->c->quiet = true;
		return;
	case 'h':
		p->ask = CTL_ASK_HELP;
		return;
	case ':':
		usage(p, "the option `%s` needs a value", p->argv[optind - 1]);
		usage_hint(p, NULL, "");
		return;
	case '?':
		refused_option(p);
		return;
	default:
		break;
	}
	if (got < VERB_BASE) {
		take_global(p, got - GLOBAL_BASE, optarg);
		return;
	}
	struct ctl_args *a = p->args;
	a->opts[a->opt_count++] = (struct ctl_given){got - VERB_BASE, optarg};
	return;
}

static void
add_longs(struct parse *p, const struct ctl_opt *opts, int base)
{
	for (; opts != NULL && opts->name != NULL; opts++) {
		MUST(p->long_count < OPTS_MAX);
		p->longs[p->long_count++] = (struct option){
		    .name = opts->name,
		    .has_arg = opts->value != NULL ? required_argument : no_argument,
		    .val = base + opts->id,
		};
	}
	p->longs[p->long_count] = (struct option){0};
}

/* Reads options from argv[*at] on; stops at the first word with `mode` "+". */
static void
options(struct parse *p, const char *shorts, int *at)
{
	int got;
	char **argv = p->argv;
	int argc = p->argc;
	p->argv += *at - 1;
	p->argc -= *at - 1;
	optind = 0; /* GNU: begin anew */
	opterr = 0;
	while ((got = getopt_long(p->argc, p->argv, shorts, p->longs, NULL)) != -1)
		take_option(p, got);
	*at += optind - 1;
	p->argv = argv;
	p->argc = argc;
}

/* ------------------------------------------------------------------ the verb */
/* The words of the verb at *at, joined in `words`; "" where there is none. */
static void
verb_words(struct parse *p, int *at, char *words, size_t size)
{
	words[0] = '\0';
	options(p, "+:o:qh", at);
	if (*at >= p->argc)
		return;
	snprintf(words, size, "%s", p->argv[(*at)++]);
	if (!ctl_verb_is_prefix(words))
		return;
	options(p, "+:o:qh", at);
	if (*at >= p->argc)
		return;
	size_t n = strlen(words);
	snprintf(words + n, size - n, " %s", p->argv[(*at)++]);
}

static void
count_args(struct parse *p)
{
	const struct ctl_verb *v = p->verb;
	if (p->args->arg_count < v->min_args)
		usage(p, "%s needs %s argument", v->name, v->min_args == 1 ? "an" : "one more");
	else if (p->args->arg_count > v->max_args)
		usage(p, "%s does not take the argument `%s`", v->name, p->args->args[v->max_args]);
	else
		return;
	if (p->err->hint[0] == '\0')
		rel_err_hint(p->err, "usage: relctl %s%s%s", v->name,
		    v->synopsis[0] != '\0' ? " " : "", v->synopsis);
}

static int
rest(struct parse *p, int at)
{
	if (p->verb != NULL)
		add_longs(p, p->verb->opts, VERB_BASE);
	p->args->opts = calloc((size_t)(p->argc + 1), sizeof(*p->args->opts));
	if (p->args->opts == NULL) {
		rel_err_clear(p->err);
		return rel_err_nomem(p->err);
	}
	options(p, ":o:qh", &at);
	p->args->args = p->argv + at;
	p->args->arg_count = (size_t)(p->argc - at);
	return 0;
}

int
ctl_args_parse(struct ctl *c, int argc, char **argv, const struct ctl_verb **ret_verb,
    enum ctl_ask *ret_ask, struct ctl_args *ret_args, struct rel_err *err)
{
	char *words = ret_args->words;
	struct parse p = {.c = c, .argc = argc, .argv = argv, .args = ret_args, .err = err};
	int at = 1;
	add_longs(&p, ctl_global_opts, GLOBAL_BASE);
	verb_words(&p, &at, words, sizeof(ret_args->words));
	p.verb = ctl_verb_find(words);
	if (p.verb == NULL && words[0] != '\0' &&
	    !(p.ask == CTL_ASK_HELP && ctl_verb_is_prefix(words)))
		unknown_verb(&p, words);
	if (rest(&p, at) < 0)
		return -1;
	if (p.root_given && c->socket != NULL)
		usage(&p, "give --root or --socket, not both");
	if (p.ask == CTL_ASK_NOTHING && words[0] == '\0')
		usage(&p, "no command was given");
	if (p.ask == CTL_ASK_NOTHING && err->code == REL_OK)
		count_args(&p);
	if (err->code != REL_OK)
		return -1;
	*ret_verb = p.verb;
	*ret_ask = p.ask;
	return 0;
}

void
ctl_args_fini(struct ctl_args *a)
{
	free(a->opts);
	*a = (struct ctl_args){0};
}

const char *
ctl_args_value(const struct ctl_args *a, int id)
{
	for (size_t i = a->opt_count; i-- > 0;)
		if (a->opts[i].id == id)
			return a->opts[i].value;
	return NULL;
}

bool
ctl_args_has(const struct ctl_args *a, int id)
{
	for (size_t i = 0; i < a->opt_count; i++)
		if (a->opts[i].id == id)
			return true;
	return false;
}
