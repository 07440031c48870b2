/* SPDX-License-Identifier: Apache-2.0
 * Accepting, with the errors sorted by what a server has to do about them.
 */
#ifndef HELLO_ACCEPT_H
#define HELLO_ACCEPT_H

enum accept_result {
	ACCEPT_CLIENT,           /* *ret_fd is a connection: non-blocking, close-on-exec */
	ACCEPT_NONE,             /* nobody waits */
	ACCEPT_NO_ROOM,          /* no descriptor or memory left: stop watching for a while */
	ACCEPT_BROKEN,           /* the listening socket itself (errno) */
};

enum accept_result accept_client(int listener, int *ret_fd);

#endif
