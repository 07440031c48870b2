/* SPDX-License-Identifier: Apache-2.0
 * doc: free-form values as JSON, printers, the collector of problems.
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "doc/doc.h"

/* ------------------------------------------------------------------ free-form values */
static const struct {
	const char *yaml, *json;
} values[] = {
    {"1", "1"},
    {"-7", "-7"},
    {"0", "0"},
    {"9007199254740993", "9007199254740993"},
    {"9223372036854775807", "9223372036854775807"},
    {"9223372036854775808", "\"9223372036854775808\""},
    {"true", "true"},
    {"false", "false"},
    {"null", "null"},
    {"~", "null"},
    {"[]", "[]"},
    {"'1'", "\"1\""},
    {"\"true\"", "\"true\""},
    {"'null'", "\"null\""},
    {"yes", "\"yes\""},
    {"True", "\"True\""},
    {"1.5", "1.5"},
    {"0.1", "0.1"},
    {"-2.0", "-2.0"},
    {"1.10", "\"1.10\""},
    {"1.0.0", "\"1.0.0\""},
    {"1.50", "\"1.50\""},
    {"0.1000000000000000055511151231257827", "\"0.1000000000000000055511151231257827\""},
    {"1.5e3", "\"1.5e3\""},
    {"100.0", "100.0"},
    {"123456.789", "123456.789"},
    {"0.00001", "0.00001"},
    {"1.5e-7", "1.5e-7"},
    {"-0.0", "-0.0"},
    {"1.5e300", "1.5e300"},
    {"1e999", "\"1e999\""},
    {"1e5", "100000.0"},
    {"0x10", "\"0x10\""},
    {"0755", "\"0755\""},
    {"+1", "\"+1\""},
    {".5", "\".5\""},
    {"1.", "\"1.\""},
    {"- ", "[null]"},
    {"1_000", "\"1_000\""},
    {".inf", "\".inf\""},
    {"2001-01-01", "\"2001-01-01\""},
    {"{b: 1, a: [x, {c: 'y'}], '1': ~}", "{\"b\": 1, \"a\": [\"x\", {\"c\": \"y\"}], \"1\": null}"},
    {"|\n  1\n", "\"1\\n\""},
};

START_TEST(free_form)
{
	struct doc *d = NULL;
	struct rel_err err = REL_ERR_INIT;
	const char *text = values[_i].yaml;
	ck_assert_msg(
	    doc_read_text(text, strlen(text), "x.yaml", &doc_limits_written, &d, &err) == 0,
	    "%s: %s", text, err.text);
	json_t *v = doc_to_json(d->root);
	ck_assert_ptr_nonnull(v);
	char *got = doc_json_pretty(v);
	ck_assert_ptr_nonnull(got);
	ck_assert_uint_eq(strcspn(got, "\n"), strlen(got) - 1);
	got[strlen(got) - 1] = '\0';
	ck_assert_str_eq(got, values[_i].json);
	free(got);
	json_decref(v);
	doc_free(&d);
}
END_TEST

/* ------------------------------------------------------------------ printers */
static void
ck_pretty(const char *in, const char *want)
{
	json_error_t e;
	json_t *v = json_loads(in, JSON_DECODE_ANY, &e);
	ck_assert_msg(v != NULL, "%s", e.text);
	char *got = doc_json_pretty(v);
	ck_assert_str_eq(got, want);
	json_t *back = json_loads(got, JSON_DECODE_ANY, &e);
	ck_assert_msg(back != NULL, "%s", e.text);
	ck_assert(json_equal(v, back));
	json_decref(back);
	free(got);
	json_decref(v);
}

START_TEST(pretty_short)
{
	ck_pretty("{}", "{}\n");
	ck_pretty("[]", "[]\n");
	ck_pretty("\"x\\u0001\\n\\t\\\"\\\\\\u00e4/\"", "\"x\\u0001\\n\\t\\\"\\\\\303\244/\"\n");
	ck_pretty("\"a\\r\"", "\"a\\u000d\"\n");
}
END_TEST

START_TEST(pretty_order_and_numbers)
{
	ck_pretty("{\"z\":1,\"a\":{\"y\":[true,false,null]},\"m\":0.1}",
	    "{\"z\": 1, \"a\": {\"y\": [true, false, null]}, \"m\": 0.1}\n");
	ck_pretty("[1e300,1.0,-0.5,3.0000000000000004,1e-7,123456789012]",
	    "[1e300, 1.0, -0.5, 3.0000000000000004, 1e-7, 123456789012]\n");
}
END_TEST

/* 100 columns are the most on a line, the comma that follows among them. */
START_TEST(pretty_width)
{
	char in[300], want[300];
	const char *fill = "0123456789012345678901234567890123456789";
	snprintf(in, sizeof(in), "[\"%s\",\"%s\",\"%.7s\"]", fill, fill, fill);
	snprintf(want, sizeof(want), "[\"%s\", \"%s\", \"%.7s\"]\n", fill, fill, fill);
	ck_assert_uint_eq(strlen(want), 100); /* 99 and the newline */
	ck_pretty(in, want);
	snprintf(in, sizeof(in), "[\"%s\",\"%s\",\"%.8s\"]", fill, fill, fill);
	snprintf(want, sizeof(want), "[\n  \"%s\",\n  \"%s\",\n  \"%.8s\"\n]\n", fill, fill, fill);
	ck_pretty(in, want);
}
END_TEST

START_TEST(pretty_relup)
{
	ck_pretty("{\"release\":\"hello\",\"version\":\"0.1.1\",\"up\":[{\"from\":\"0.1.0\","
		  "\"instructions\":[\"point_of_no_return\",{\"suspend\":[{\"module\":\"a\"},"
		  "{\"module\":\"b\"}]},{\"resume\":[\"b\",\"a\"]}]}],"
		  "\"down\":[{\"to\":\"0.1.0\",\"instructions\":[\"point_of_no_return\"]}]}",
	    "{\n"
	    "  \"release\": \"hello\",\n"
	    "  \"version\": \"0.1.1\",\n"
	    "  \"up\": [\n"
	    "    {\n"
	    "      \"from\": \"0.1.0\",\n"
	    "      \"instructions\": [\n"
	    "        \"point_of_no_return\",\n"
	    "        {\"suspend\": [{\"module\": \"a\"}, {\"module\": \"b\"}]},\n"
	    "        {\"resume\": [\"b\", \"a\"]}\n"
	    "      ]\n"
	    "    }\n"
	    "  ],\n"
	    "  \"down\": [{\"to\": \"0.1.0\", \"instructions\": [\"point_of_no_return\"]}]\n"
	    "}\n");
}
END_TEST

/* A list with something nested in several items has an item a line, however short it is. */
START_TEST(pretty_lines)
{
	ck_pretty("[{\"a\":[1]},{\"b\":2}]", "[\n  {\"a\": [1]},\n  {\"b\": 2}\n]\n");
	ck_pretty("[{\"a\":1},{\"b\":2}]", "[{\"a\": 1}, {\"b\": 2}]\n");
	ck_pretty("[{\"a\":[{\"b\":[]}]}]", "[{\"a\": [{\"b\": []}]}]\n");
}
END_TEST

START_TEST(compact)
{
	json_t *v = json_loads("{\"b\": [1, 2], \"a\": {\"d\": \"x\", \"c\": null}}", 0, NULL);
	char *got = doc_json_compact(v);
	ck_assert_str_eq(got, "{\"a\":{\"c\":null,\"d\":\"x\"},\"b\":[1,2]}");
	free(got);
	json_decref(v);
}
END_TEST

/* ------------------------------------------------------------------ problems */
START_TEST(problems_collect)
{
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct rel_err err = REL_ERR_INIT, warning = REL_ERR_INIT;
	ck_assert_int_eq(doc_problems_result(&p, &err), 0);
	rel_err_set(&warning, REL_E_BAD_VALUE, "only a warning");
	doc_problem_add(&p, DOC_WARNING, &warning);
	ck_assert_uint_eq(p.errors, 0);
	ck_assert_int_eq(doc_problems_result(&p, &err), 0);
	ck_assert_int_eq(err.code, REL_OK);
	struct rel_pos pos = {"f.yaml", 4, 2};
	doc_problem(&p, &pos, REL_E_BAD_NAME, "the name '%s'", "X");
	doc_problem_hint(&p, "write %s", "x");
	ck_assert_int_eq(doc_problems_result(&p, &err), -1);
	ck_assert_int_eq(err.code, REL_E_BAD_NAME);
	ck_assert_str_eq(err.text, "the name 'X'");
	ck_assert_str_eq(err.file, "f.yaml");
	ck_assert_uint_eq(err.line, 4);
	ck_assert_str_eq(rel_err_hint_of(&err), "write x");
	doc_problem(&p, &pos, REL_E_BAD_TYPE, "second");
	doc_problem(&p, &pos, REL_E_BAD_TYPE, "third");
	rel_err_clear(&err);
	ck_assert_int_eq(doc_problems_result(&p, &err), -1);
	ck_assert_str_eq(err.text, "the name 'X', and 2 more");
	doc_problems_fini(&p);
}
END_TEST

START_TEST(problems_limit)
{
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct rel_err err = REL_ERR_INIT;
	for (int i = 0; i < DOC_PROBLEMS_MAX + 7; i++) {
		doc_problem(&p, NULL, REL_E_BAD_NAME, "number %d", i);
		doc_problem_hint(&p, "hint %d", i);
	}
	ck_assert_uint_eq(p.count, DOC_PROBLEMS_MAX);
	ck_assert_uint_eq(p.errors, DOC_PROBLEMS_MAX + 7);
	ck_assert_uint_eq(p.dropped, 7);
	/* the hint of a dropped problem does not land on the last kept one */
	ck_assert_str_eq(p.list[DOC_PROBLEMS_MAX - 1].err.hint, "hint 49");
	ck_assert_int_eq(doc_problems_result(&p, &err), -1);
	ck_assert_str_eq(err.text, "number 0, and 56 more");
	doc_problems_fini(&p);
	ck_assert_uint_eq(p.errors, 0);
}
END_TEST

START_TEST(problems_long_text)
{
	struct doc_problems p = DOC_PROBLEMS_INIT;
	char longtext[2000];
	memset(longtext, 'x', sizeof(longtext));
	longtext[sizeof(longtext) - 1] = '\0';
	doc_problem(&p, NULL, REL_E_BAD_NAME, "%s", longtext);
	doc_problem_hint(&p, "%s", longtext);
	doc_problem(&p, NULL, REL_E_BAD_NAME, "%%s");
	ck_assert_str_eq(p.list[1].err.text, "%s");
	struct rel_err err = REL_ERR_INIT;
	ck_assert_int_eq(doc_problems_result(&p, &err), -1);
	ck_assert_uint_lt(strlen(err.text), sizeof(err.text));
	doc_problems_fini(&p);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("doc_json");
	TCase *t = tcase_create("json");
	tcase_add_loop_test(t, free_form, 0, (int)NELEM(values));
	tcase_add_test(t, pretty_short);
	tcase_add_test(t, pretty_order_and_numbers);
	tcase_add_test(t, pretty_width);
	tcase_add_test(t, pretty_relup);
	tcase_add_test(t, pretty_lines);
	tcase_add_test(t, compact);
	tcase_add_test(t, problems_collect);
	tcase_add_test(t, problems_limit);
	tcase_add_test(t, problems_long_text);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_SILENT);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
