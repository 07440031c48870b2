/* SPDX-License-Identifier: Apache-2.0
 * Packets of the workers' socket: one JSON object or one binary frame each, with descriptors.
 * Whatever comes in is checked here for shape; what it means is checked by who handles it.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/proto.h"

union control {
	char buf[CMSG_SPACE(PROTO_FDS_MAX * sizeof(int))];
	struct cmsghdr align;
};

void
proto_packet_fini(struct proto_packet *p)
{
	for (size_t i = 0; i < p->fd_count; i++)
		rel_fd_close(&p->fds[i]);
	json_decref(p->json);
	*p = (struct proto_packet){0};
}

static int
send_packet(
    int sock, const void *data, size_t len, const int *fds, size_t fd_count, struct rel_err *err)
{
	if (len > PROTO_PACKET_MAX)
		return rel_err_set(err, REL_E_LIMIT, "a message of %zu bytes; %u are the limit",
		    len, PROTO_PACKET_MAX);
	if (fd_count > PROTO_FDS_MAX)
		return rel_err_set(err, REL_E_LIMIT,
		    "a message with %zu descriptors; %u are the limit", fd_count, PROTO_FDS_MAX);
	/* sendmsg does not write through it. */
	struct iovec iov = {.iov_len = len};
	memcpy(&iov.iov_base, &data, sizeof(data));
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	union control c;
	if (fd_count > 0) {
		memset(&c, 0, sizeof(c));
		mh.msg_control = c.buf;
		mh.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(cm), fds, fd_count * sizeof(int));
	}
	ssize_t n;
	do
		n = sendmsg(sock, &mh, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot send to the peer");
	return 0;
}

/* ------------------------------------------------------------------ what no packet holds */

static int
write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The text in a memfd, behind the message's own descriptors. */
static int
send_large(int sock, const char *text, size_t len, const int *fds, size_t fd_count, struct rel_err *err)
{
	if (len > PROTO_LARGE_MAX)
		return rel_err_set(err, REL_E_LIMIT, "a message of %zu bytes; %u are the limit", len,
		    PROTO_LARGE_MAX);
	if (fd_count >= PROTO_FDS_MAX)
		return rel_err_set(err, REL_E_LIMIT, "a message of %zu bytes with %zu descriptors", len,
		    fd_count);
	CLEANUP(rel_fd_close) int fd = memfd_create("relup-message", MFD_CLOEXEC);
	if (fd < 0 || write_all(fd, text, len) != 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot write a message of %zu bytes", len);
	int all[PROTO_FDS_MAX];
	if (fd_count > 0)
		memcpy(all, fds, fd_count * sizeof(*all));
	all[fd_count] = fd;
	const char magic = PROTO_LARGE_MAGIC;
	return send_packet(sock, &magic, 1, all, fd_count + 1, err);
}

/* Only memory, which no read waits for (other files have no seals), and copied before it is looked at:
 * the sender may write on. */
static int
read_large(struct proto_packet *p, char **ret, size_t *ret_len, struct rel_err *err)
{
	struct stat st;
	if (p->fd_count == 0)
		return rel_err_set(err, REL_E_PROTOCOL, "a large message without its descriptor");
	CLEANUP(rel_fd_close) int fd = p->fds[--p->fd_count];
	if (fcntl(fd, F_GET_SEALS) < 0 || fstat(fd, &st) != 0 || st.st_size <= 0 ||
	    st.st_size > (off_t)PROTO_LARGE_MAX)
		return rel_err_set(err, REL_E_PROTOCOL, "a large message that is no memfd of up to %u bytes",
		    PROTO_LARGE_MAX);
	size_t len = (size_t)st.st_size, at = 0;
	char *text = malloc(len);
	if (text == NULL)
		return rel_err_nomem(err);
	while (at < len) {
		ssize_t n = pread(fd, text + at, len - at, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			free(text);
			return rel_err_set(err, REL_E_PROTOCOL, "a large message that is cut off");
		}
		at += (size_t)n;
	}
	*ret = text;
	*ret_len = len;
	return 0;
}

/* ------------------------------------------------------------------ out */

int
proto_send_json(
    int sock, const char *name, json_t *body, const int *fds, size_t fd_count, struct rel_err *err)
{
	char buf[PROTO_PACKET_MAX];
	json_t *o = json_object();
	size_t n = 0;
	/* Into a buffer of our own: json_dumps() that runs out of memory may leave out a key. */
	if (o != NULL && json_object_set_new(o, name, body) == 0)
		n = json_dumpb(o, buf, sizeof(buf), JSON_COMPACT);
	else if (o == NULL)
		json_decref(body);
	CLEANUP(rel_free_cleanup) char *large = n > sizeof(buf) ? malloc(n) : NULL;
	if (large != NULL && json_dumpb(o, large, n, JSON_COMPACT) != n)
		n = 0;
	json_decref(o);
	if (n == 0 || (n > sizeof(buf) && large == NULL))
		return rel_err_nomem(err);
	return large != NULL ? send_large(sock, large, n, fds, fd_count, err)
			     : send_packet(sock, buf, n, fds, fd_count, err);
}

int
proto_send_frame(int sock, const struct proto_frame *f, struct rel_err *err)
{
	size_t text = strnlen(f->text, sizeof(f->text) - 1);
	size_t len = PROTO_FRAME_SHORT;
	if (text > 0 || f->module[0] != '\0')
		len = offsetof(struct proto_frame, text) + text + 1;
	return send_packet(sock, f, len, NULL, 0, err);
}

/* ------------------------------------------------------------------ in */

static void
take_fds(struct msghdr *mh, struct proto_packet *p)
{
	for (struct cmsghdr *cm = CMSG_FIRSTHDR(mh); cm != NULL; cm = CMSG_NXTHDR(mh, cm)) {
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(p->fds + p->fd_count, CMSG_DATA(cm), n * sizeof(int));
		p->fd_count += n; /* the control buffer has room for PROTO_FDS_MAX and no more */
	}
}

static int
parse_frame(const char *buf, size_t n, struct proto_packet *p, struct rel_err *err)
{
	if (n < PROTO_FRAME_SHORT || n > sizeof(p->bin))
		return rel_err_set(err, REL_E_PROTOCOL, "a binary frame of %zu bytes", n);
	memcpy(&p->bin, buf, n);
	p->frame = true;
	p->bin.module[sizeof(p->bin.module) - 1] = '\0';
	p->bin.text[sizeof(p->bin.text) - 1] = '\0';
	if (p->bin.kind < PROTO_BRACKET || p->bin.kind > PROTO_DONE || p->bin.undo > 1 ||
	    p->bin.code > PROTO_NO_CODE_CHANGE || p->bin.decided > PROTO_ABORT)
		return rel_err_set(
		    err, REL_E_PROTOCOL, "a binary frame of unknown kind %u", p->bin.kind);
	return 0;
}

static int
parse_json(const char *buf, size_t n, struct proto_packet *p, struct rel_err *err)
{
	json_error_t je;
	p->json = json_loadb(buf, n, JSON_REJECT_DUPLICATES, &je);
	if (p->json == NULL) {
		if (json_error_code(&je) == json_error_out_of_memory)
			return rel_err_nomem(err);
		return rel_err_set(err, REL_E_PROTOCOL, "a message that is not JSON: %s", je.text);
	}
	void *it = json_object_iter(p->json);
	if (it == NULL || json_object_size(p->json) != 1 ||
	    !json_is_object(json_object_iter_value(it)))
		return rel_err_set(err, REL_E_PROTOCOL,
		    "a message that is not an object of one key with an object");
	p->name = json_object_iter_key(it);
	p->body = json_object_iter_value(it);
	return 0;
}

static int
parse_large(struct proto_packet *p, struct rel_err *err)
{
	CLEANUP(rel_free_cleanup) char *text = NULL;
	size_t len = 0;
	return read_large(p, &text, &len, err) != 0 ? -1 : parse_json(text, len, p, err);
}

int
proto_recv(int sock, struct proto_packet *ret, struct rel_err *err)
{
	char buf[PROTO_PACKET_MAX];
	union control c;
	struct iovec iov = {.iov_base = buf, .iov_len = sizeof(buf)};
	struct msghdr mh = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = c.buf,
	    .msg_controllen = sizeof(c.buf)};
	ssize_t n;
	/* A peer that ended with something unread shows that first, and once; what it sent follows. */
	bool reset = false;
	do
		n = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || (errno == ECONNRESET && !reset && (reset = true))));
	if (n < 0 && (errno == ECONNRESET || errno == EPIPE))
		return 0;
	if (n < 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot receive from the peer");
	struct proto_packet p = {0};
	take_fds(&mh, &p);
	int rc;
	if (n == 0) {
		proto_packet_fini(&p);
		return 0;
	}
	if ((mh.msg_flags & MSG_TRUNC) != 0)
		rc = rel_err_set(err, REL_E_PROTOCOL, "a message over %u bytes", PROTO_PACKET_MAX);
	else if ((mh.msg_flags & MSG_CTRUNC) != 0)
		rc = rel_err_set(err, REL_E_PROTOCOL, "descriptors of a message were cut off");
	else if ((unsigned char)buf[0] == PROTO_FRAME_MAGIC)
		rc = parse_frame(buf, (size_t)n, &p, err);
	else if ((unsigned char)buf[0] == PROTO_LARGE_MAGIC)
		rc = parse_large(&p, err);
	else
		rc = parse_json(buf, (size_t)n, &p, err);
	if (rc != 0) {
		proto_packet_fini(&p);
		return -1;
	}
	*ret = p;
	return 1;
}
