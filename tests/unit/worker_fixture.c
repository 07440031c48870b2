/* SPDX-License-Identifier: Apache-2.0
 * See worker_fixture.h.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker_fixture.h"

struct fake fake;

static const char *
top_builddir(void)
{
	const char *s = getenv("top_builddir");
	return s != NULL ? s : ".";
}

void
fake_socket(char *buf, size_t size)
{
	snprintf(buf, size, "%s/run/%s", fake.dir, PROTO_WORKERS_SOCKET);
}

static void
await(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	while (fake.turn != NULL && poll(&p, 1, 0) == 0)
		fake.turn();
}

static void
spawn(void)
{
	char path[512], program[512];
	fake_socket(path, sizeof(path));
	snprintf(program, sizeof(program), "%s/relworker-1", top_builddir());
	fake.pid = fork();
	ck_assert_int_ge(fake.pid, 0);
	if (fake.pid != 0)
		return;
	struct rlimit rl;
	getrlimit(RLIMIT_NOFILE, &rl);
	rl.rlim_cur = rl.rlim_max < 256 ? rl.rlim_max : 256; /* what the worker finds and raises */
	setrlimit(RLIMIT_NOFILE, &rl);
	if (fake.log >= 0)
		dup2(fake.log, STDERR_FILENO);
	/* A test that fails leaves no worker behind. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execl(program, program, path, FAKE_WORKER, (char *)NULL);
	_exit(127);
}

void
fake_listen(void)
{
	struct rel_err err = REL_ERR_INIT;
	const char *tmp = getenv("TMPDIR");
	memset(&fake, 0, sizeof(fake));
	fake.sock = fake.client = fake.wake = fake.begin = fake.log = -1;
	fake.memory.memfd = -1;
	snprintf(fake.dir, sizeof(fake.dir), "%s/relup-worker-XXXXXX", tmp != NULL ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(fake.dir));
	ck_assert_int_eq(rel_dir_open(AT_FDCWD, fake.dir, &fake.dirfd, &err), 0);
	ck_assert_int_eq(rel_dir_make(fake.dirfd, "run", &err), 0);
	ck_assert_int_eq(rel_unix_listen(fake.dirfd, "run/" PROTO_WORKERS_SOCKET, SOCK_SEQPACKET,
			     0600, &fake.listener, &err),
	    0);
}

static void
run(void)
{
	spawn();
	fake_accept();
	json_t *hello = fake_hello();
	ck_assert(json_is_null(json_object_get(hello, "job")));
	json_decref(hello);
}

void
fake_setup(void)
{
	fake_listen();
	run();
}

void
fake_setup_logged(void)
{
	fake_listen();
	fake.log = memfd_create("log", MFD_CLOEXEC);
	ck_assert_int_ge(fake.log, 0);
	run();
}

const char *
fake_log(void)
{
	static char text[16384];
	ssize_t n = pread(fake.log, text, sizeof(text) - 1, 0);
	ck_assert_int_ge(n, 0);
	text[n] = '\0';
	return text;
}

void
fake_teardown(void)
{
	if (fake.pid >
	    0) { /* in order: a leak of the worker shows in its status under a sanitizer */
		kill(fake.pid, SIGTERM);
		int status = fake_exit();
		ck_assert(WIFEXITED(status));
		ck_assert_int_eq(WEXITSTATUS(status), 0);
	}
	rel_fd_close(&fake.sock);
	rel_fd_close(&fake.client);
	rel_fd_close(&fake.wake);
	rel_fd_close(&fake.begin);
	rel_fd_close(&fake.log);
	rel_fd_close(&fake.listener);
	proto_decision_fini(&fake.memory);
	unlinkat(fake.dirfd, "run/" PROTO_WORKERS_SOCKET, 0);
	unlinkat(fake.dirfd, "run", AT_REMOVEDIR);
	rmdir(fake.dir);
	rel_fd_close(&fake.dirfd);
}

int
fake_exit(void)
{
	int status;
	ck_assert_int_eq(waitpid(fake.pid, &status, 0), fake.pid);
	fake.pid = 0;
	return status;
}

void
fake_accept(void)
{
	rel_fd_close(&fake.sock);
	await(fake.listener);
	fake.sock = accept4(fake.listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(fake.sock, 0);
}

json_t *
fake_hello(void)
{
	char *root = realpath(fake.dir, NULL);
	json_t *b = fake_expect("hello");
	ck_assert_str_eq(json_string_value(json_object_get(b, "worker")), FAKE_WORKER);
	ck_assert_int_eq(json_integer_value(json_object_get(b, "pid")), fake.pid);
	ck_assert_int_eq(json_integer_value(json_object_get(b, "abi")), 1);
	ck_assert_str_eq(json_string_value(json_object_get(b, "root")), root);
	free(root);
	return b;
}

void
fake_send_fds(const char *name, json_t *body, const int *fds, size_t n)
{
	struct rel_err err = REL_ERR_INIT;
	ck_assert_ptr_nonnull(body);
	if (proto_send_json(fake.sock, name, body, fds, n, &err) != 0)
		ck_abort_msg("sending %s: %s", name, err.text);
}

void
fake_send(const char *name, json_t *body)
{
	fake_send_fds(name, body, NULL, 0);
}

json_t *
fake_expect(const char *name)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_packet p;
	await(fake.sock);
	int rc = proto_recv(fake.sock, &p, &err);
	if (rc != 1)
		ck_abort_msg(
		    "%s was to come: %s", name, rc == 0 ? "the worker has gone" : err.text);
	if (p.frame)
		ck_abort_msg("%s was to come, frame %d came: %s", name, p.bin.kind, p.bin.text);
	if (strcmp(p.name, name) != 0)
		ck_abort_msg("%s was to come: %s", name, json_dumps(p.json, 0));
	json_t *body = json_incref(p.body);
	fake.fd_count = p.fd_count;
	memcpy(fake.fds, p.fds, sizeof(p.fds));
	p.fd_count = 0;
	for (size_t i = 0; i < fake.fd_count; i++)
		close(fake.fds[i]); /* the number tells enough */
	proto_packet_fini(&p);
	return body;
}

struct proto_frame
fake_frame(enum proto_frame_kind kind)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_packet p;
	await(fake.sock);
	int rc = proto_recv(fake.sock, &p, &err);
	if (rc != 1)
		ck_abort_msg(
		    "frame %d was to come: %s", kind, rc == 0 ? "the worker has gone" : err.text);
	if (!p.frame)
		ck_abort_msg("frame %d was to come: %s", kind, json_dumps(p.json, 0));
	if (p.bin.kind != kind)
		ck_abort_msg("frame %d was to come, %d came: %s", kind, p.bin.kind, p.bin.text);
	struct proto_frame f = p.bin;
	proto_packet_fini(&p);
	return f;
}

void
fake_bracket(uint32_t step, int undo)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_frame f = {.magic = PROTO_FRAME_MAGIC,
	    .kind = PROTO_BRACKET,
	    .undo = (uint8_t)undo,
	    .step = step,
	    .operation = FAKE_OP};
	ck_assert_int_eq(proto_send_frame(fake.sock, &f, &err), 0);
}

void
fake_ring(void)
{
	uint64_t one = 1;
	ck_assert_int_eq(write(fake.begin, &one, sizeof(one)), sizeof(one));
}

void
fake_bid(uint32_t step, int undo)
{
	atomic_store(&fake.memory.cells[0].bidden, proto_bid(step, undo != 0));
	fake_ring();
}

/* No digest is looked at by the worker: one that differs for each file is enough. */
static void
digest_of(const char *file, char digest[65])
{
	memset(digest, '0', 64);
	for (size_t i = 0; i < 32 && file[i] != '\0'; i++)
		snprintf(digest + 2 * i, 3, "%02x", (unsigned char)file[i]);
	if (strlen(file) < 32)
		digest[2 * strlen(file)] = '0';
	digest[64] = '\0';
}

json_t *
fake_module(const char *file, const char *module)
{
	char path[512], digest[65], version[8];
	struct stat st = {0};
	snprintf(path, sizeof(path), "%s/tests/modules/%s%s.so", top_builddir(),
	    strchr(file, '/') != NULL ? "" : ".libs/", file);
	(void)stat(path, &st);
	digest_of(file, digest);
	snprintf(version, sizeof(version), "0.%c",
	    strchr(file, '-') != NULL ? strrchr(file, '-')[1] : 'x');
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "module",
	    module != NULL ? module : "counter", "application", "demo", "version", version,
	    "digest", digest, "path", path, "size", (json_int_t)st.st_size);
}

json_t *
fake_modules(const char *file, const char *module, ...)
{
	va_list ap;
	json_t *a = json_array();
	va_start(ap, module);
	while (file != NULL) {
		json_array_append_new(a, fake_module(file, module));
		file = va_arg(ap, const char *);
		module = file != NULL ? va_arg(ap, const char *) : NULL;
	}
	va_end(ap);
	return a;
}

void
fake_start(const char *module, json_t *modules, json_t *args)
{
	int pair[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	fake.client = pair[0];
	fake_send_fds("start",
	    json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:{s:i}, s:i, s:o}", "worker", FAKE_WORKER,
		"application", "demo", "child", "child", "release", "demo-0.1", "module", module,
		"args", args != NULL ? args : json_object(), "env", "first", 5, "listeners", 1,
		"modules", modules),
	    &pair[1], 1);
	close(pair[1]);
}

json_t *
fake_start_counter(const char *file)
{
	fake_start(
	    "counter", fake_modules(file, "counter", NULL), json_pack("{s:i}", "tick_ms", 1));
	return fake_expect("ready");
}

const char *
fake_echo(void)
{
	static char buf[128];
	ck_assert_int_eq(send(fake.client, "x", 1, MSG_NOSIGNAL), 1);
	await(fake.client);
	ssize_t n = recv(fake.client, buf, sizeof(buf) - 1, 0);
	ck_assert_int_gt(n, 0);
	buf[n] = '\0';
	return buf;
}

json_t *
fake_call(const char *request)
{
	fake_send("call", json_pack("{s:i, s:s}", "id", 9, "request", request));
	json_t *reply = fake_expect("reply");
	ck_assert_int_eq(json_integer_value(json_object_get(reply, "id")), 9);
	return reply;
}

json_t *
fake_change(const char *module, const char *mode, json_t *extra)
{
	return json_pack("{s:s, s:s, s:o}", "module", module, "mode", mode, "extra",
	    extra != NULL ? extra : json_null());
}

json_t *
fake_step(uint32_t number, bool self, json_t *loads, json_t *changes, json_t *undo_changes)
{
	return json_pack("{s:i, s:i, s:i, s:b, s:b, s:o, s:o, s:o}", "step", (int)number, "up",
	    (int)number * 2, "undo", (int)number * 2 + 1, "self", self, "changes_state",
	    changes != NULL, "loads", loads, "changes", changes != NULL ? changes : json_array(),
	    "undo_changes", undo_changes != NULL ? undo_changes : json_array());
}

void
fake_start_pair(void)
{
	fake_start("pair_a", fake_modules("pair-a-1", "pair_a", "pair-b-1", "pair_b", NULL), NULL);
	json_decref(fake_expect("ready"));
}

json_t *
fake_pair_steps(json_t *a, const char *b)
{
	return json_pack("[o]",
	    fake_step(0, true, json_pack("[s,s]", "pair_a", "pair_b"),
		json_pack("[o,o]", fake_change("pair_a", "up", a),
		    fake_change("pair_b", "up", b != NULL ? json_string(b) : NULL)),
		json_pack("[o,o]", fake_change("pair_b", "down", NULL), fake_change("pair_a", "down", NULL))));
}

json_t *
fake_pair_modules(void)
{
	return fake_modules("pair-a-2", "pair_a", "pair-b-2", "pair_b", "pair-c", "pair_c", NULL);
}

void
fake_memory(void)
{
	struct rel_err err = REL_ERR_INIT;
	proto_decision_fini(&fake.memory);
	rel_fd_close(&fake.wake);
	rel_fd_close(&fake.begin);
	ck_assert_int_eq(proto_decision_new(16, 1, &fake.memory, &err), 0);
	fake.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fake.begin = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert(fake.wake >= 0 && fake.begin >= 0);
}

void
fake_send_memory(const char *name, json_t *body)
{
	fake_send_fds(name, body, (int[]){fake.memory.memfd, fake.wake, fake.begin}, 3);
}

void
fake_prepare(json_t *steps, json_t *modules, int lease_ms)
{
	fake_memory();
	fake_send_memory("prepare",
	    json_pack("{s:i, s:i, s:i, s:o, s:o}", "operation", FAKE_OP, "lease_ms", lease_ms,
		"cell", 0, "steps", steps, "modules", modules));
}

json_t *
fake_prepared(bool ok)
{
	json_t *b = fake_expect("prepared");
	ck_assert_int_eq(json_integer_value(json_object_get(b, "operation")), FAKE_OP);
	if (json_is_true(json_object_get(b, "ok")) != ok)
		ck_abort_msg("%s", json_dumps(b, 0));
	return b;
}

static json_t *
one_step(bool self, const char *mode, const char *extra)
{
	const char *back = strcmp(mode, "up") == 0 ? "down" : "up";
	return json_pack("[o]",
	    fake_step(0, self, json_pack("[s]", "counter"),
		json_pack("[o]", fake_change("counter", mode, json_pack("{s:s?}", "do", extra))),
		json_pack("[o]", fake_change("counter", back, NULL))));
}

void
fake_prepare_one(bool self, const char *file, const char *extra)
{
	fake_prepare(one_step(self, "up", extra), fake_modules(file, "counter", NULL), 60000);
	json_decref(fake_prepared(true));
}

json_t *
fake_finish(bool confirmed)
{
	fake_send("finish", json_pack("{s:i, s:b}", "operation", FAKE_OP, "confirmed", confirmed));
	json_t *b = fake_expect("finished");
	ck_assert_int_eq(json_integer_value(json_object_get(b, "operation")), FAKE_OP);
	return b;
}

void
fake_upgrade(const char *file, bool confirmed, const char *mode)
{
	fake_prepare(one_step(true, mode, NULL), fake_modules(file, "counter", NULL), 60000);
	json_decref(fake_prepared(true));
	fake_bracket(0, 0);
	struct proto_frame f = fake_frame(PROTO_DONE);
	if (f.decided != PROTO_COMMIT)
		ck_abort_msg("%s", f.text);
	json_decref(fake_finish(confirmed));
}

int
fake_maps(const char *word)
{
	char path[64], line[4096];
	int n = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", fake.pid);
	FILE *f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, word) != NULL;
	fclose(f);
	return n;
}

int
fake_fds(void)
{
	char path[64];
	int n = 0;
	snprintf(path, sizeof(path), "/proc/%d/fd", fake.pid);
	DIR *d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

void
fake_wake(void)
{
	uint64_t one = 1;
	ck_assert_int_eq(write(fake.wake, &one, sizeof(one)), sizeof(one));
}
