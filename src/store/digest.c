/* SPDX-License-Identifier: Apache-2.0
 * SHA-256 of an open file, copying it on the way if asked: an import reads its source once, so what
 * was hashed is what was written.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

#include "store/store_priv.h"

static void
md_free(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
	*ctx = NULL;
}

static ssize_t
read_some(int fd, void *buf, size_t size, off_t at)
{
	ssize_t r;
	do
		r = pread(fd, buf, size, at);
	while (r < 0 && errno == EINTR);
	return r;
}

static int
digest_print(EVP_MD_CTX *ctx, char hex[REL_DIGEST_LEN + 1])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n;
	if (EVP_DigestFinal_ex(ctx, md, &n) != 1 || n * 2 != REL_DIGEST_LEN)
		return -1;
	for (unsigned i = 0; i < n; i++)
		snprintf(hex + i * 2, 3, "%02x", md[i]);
	return 0;
}

int
store_digest_fd(int from, int to, const char *what, char ret_hex[REL_DIGEST_LEN + 1],
    uint64_t *ret_size, struct rel_err *err)
{
	unsigned char buf[65536];
	uint64_t size = 0;
	/* A hash needs no openssl.cnf, and what OPENSSL_CONF names must not load code into relupd. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	CLEANUP(md_free) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (ctx == NULL)
		return rel_err_nomem(err);
	if (EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		return rel_err_set(err, REL_E_INTERNAL, "libcrypto has no SHA-256");
	for (;;) {
		ssize_t r = read_some(from, buf, sizeof(buf), (off_t)size);
		if (r < 0)
			return rel_err_sys(err, REL_E_IO, errno, "cannot read %s", what);
		if (r == 0)
			break;
		size += (uint64_t)r;
		if (size > STORE_OBJECT_MAX)
			return rel_err_set(err, REL_E_LIMIT, "%s has more than %" PRIu64 " bytes",
			    what, STORE_OBJECT_MAX);
		if (EVP_DigestUpdate(ctx, buf, (size_t)r) != 1)
			return rel_err_set(err, REL_E_INTERNAL, "libcrypto cannot hash %s", what);
		if (to != -1 && (FAULT(FILE_WRITE) || rel_fd_write_all(to, buf, (size_t)r) != 0))
			return rel_err_sys(err, REL_E_IO, errno, "cannot copy %s", what);
	}
	if (digest_print(ctx, ret_hex) != 0)
		return rel_err_set(err, REL_E_INTERNAL, "libcrypto cannot hash %s", what);
	*ret_size = size;
	return 0;
}
