/* SPDX-License-Identifier: Apache-2.0
 * Files and unix sockets.  All take a directory fd (AT_FDCWD: the path as it is), so that a name
 * from input is never glued into a path; all fds are close-on-exec; EINTR and short transfers are
 * dealt with here.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

void rel_fd_close(int *fd); /* for CLEANUP; keeps errno; -1 is fine */

/* To be called first of all: where the caller closed 0, 1 or 2, the next file opened would get that
 * number, and what is meant for a stream would go into it.  They are opened so that to use them
 * still fails with EBADF.  -1: errno. */
int rel_stdio_open(void) RTE_MUST_CHECK;

/* Reads a regular file of at most `limit` bytes whole; *ret is malloc'ed and ends in a NUL that is
 * not counted.  A directory, device or FIFO is REL_E_NOT_A_FILE (and is not opened blocking), too
 * long is REL_E_LIMIT, absent is REL_E_NOT_FOUND.  `name` is what errors call the file. */
int rel_file_read(int dirfd, const char *path, const char *name, size_t limit, char **ret,
    size_t *ret_len, struct rel_err *err) RTE_MUST_CHECK;

/* Replaces `path` by the bytes: temporary file beside it, fsync, rename, fsync of the directory.
 * After an error the old file stands as it was.  `sync` false leaves out both fsyncs (for files
 * that do not outlive the boot). */
int rel_file_replace(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
    bool sync, struct rel_err *err) RTE_MUST_CHECK;

/* write(2) until all is written; -1 with errno. */
int rel_fd_write_all(int fd, const void *data, size_t len);

/* mkdir where absent (mode 0755); one level. */
int rel_dir_make(int dirfd, const char *path, struct rel_err *err) RTE_MUST_CHECK;
int rel_dir_open(int dirfd, const char *path, int *ret_fd, struct rel_err *err) RTE_MUST_CHECK;

/* A unix socket `name` in the directory `dirfd`.  Goes through /proc/self/fd, so that a deep root
 * does not meet the 108 bytes of sun_path.  type: SOCK_STREAM or SOCK_SEQPACKET, possibly with
 * SOCK_NONBLOCK; listen removes a stale socket file first and sets `mode`. */
int rel_unix_listen(int dirfd, const char *name, int type, mode_t mode, int *ret_fd,
    struct rel_err *err) RTE_MUST_CHECK;
int rel_unix_connect(int dirfd, const char *name, int type, int *ret_fd, struct rel_err *err)
    RTE_MUST_CHECK;

#endif
