// SPDX-License-Identifier: GPL-2.0-or-later
// The certificates and the key of 802.1X: whether they can be used, and how long they are valid.
// libcrypto reads them, as wpa_supplicant does; a file may hold several certificates.

#include "dot1x/certificate.h"

#include "base/fileio.h"
#include "base/library.h"
#include "base/parse.h"
#include "dot1x/wpa.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

#define FUNCTIONS(f)                                                                               \
	f(BIO_new_fp) f(BIO_free) f(BIO_ctrl) f(PEM_read_bio_X509) f(d2i_X509_bio) f(X509_free)    \
		f(PEM_read_bio_PrivateKey) f(d2i_PrivateKey_bio) f(EVP_PKEY_free)                  \
			f(X509_check_private_key) f(X509_get0_notBefore) f(X509_get0_notAfter)     \
				f(ASN1_TIME_to_tm) f(X509_get_signature_info)                      \
					f(X509_get_extension_flags) f(OBJ_nid2sn)                  \
						f(ERR_clear_error)

/* What OpenSSL's security level 1 asks of a signature; Debian's level is 2. SHA-1 has 63. */
#define SIGNATURE_BITS 80

struct crypto {
	struct library library;
	FUNCTIONS(LIBRARY_DECLARE)
};

static int crypto_open(struct crypto *lib)
{
	if (library_open(&lib->library, "libcrypto.so.3") < 0)
		return -ENOENT;
#define RESOLVE(name) LIBRARY_RESOLVE(lib, name)
	FUNCTIONS(RESOLVE)
	return 0;
}

/* Of a file; NULL if it can't be read, or is none: nobody waits for the writer of a pipe. */
static BIO *open_file(const struct crypto *lib, const char *path)
{
	FILE *f = file_open(path);
	BIO *bio = f ? lib->BIO_new_fp(f, BIO_CLOSE) : NULL;

	if (f && !bio)
		fclose(f);
	return bio;
}

/* UTC; 0 if it can't be read. */
static time_t to_time(const struct crypto *lib, const ASN1_TIME *asn1)
{
	struct tm tm;

	return asn1 && lib->ASN1_TIME_to_tm(asn1, &tm) == 1 ? timegm(&tm) : 0;
}

static void add_certificate(const struct crypto *lib, X509 *x509, bool is_ca,
			    struct certificate *ret)
{
	time_t from = to_time(lib, lib->X509_get0_notBefore(x509));
	time_t until = to_time(lib, lib->X509_get0_notAfter(x509));
	int digest = NID_undef, bits = 0;

	if (from > ret->from)
		ret->from = from;
	if (ret->until == 0 || (is_ca ? until > ret->until : until < ret->until))
		ret->until = until;
	if (!(lib->X509_get_extension_flags(x509) & EXFLAG_SS) &&
	    lib->X509_get_signature_info(x509, &digest, NULL, &bits, NULL) == 1 &&
	    bits < SIGNATURE_BITS)
		ret->digest = lib->OBJ_nid2sn(digest);
}

/* Reads the certificates of a file; *first, if asked for, is the caller's. */
static void read_certificate(const struct crypto *lib, bool is_ca, struct certificate *ret,
			     X509 **first)
{
	BIO *bio = open_file(lib, ret->path);
	X509 *x509;
	size_t n = 0;

	if (!bio)
		return;
	while ((x509 = lib->PEM_read_bio_X509(bio, NULL, NULL, NULL)) ||
	       (n == 0 && lib->BIO_ctrl(bio, BIO_CTRL_RESET, 0, NULL) == 0 &&
		(x509 = lib->d2i_X509_bio(bio, NULL)))) {
		add_certificate(lib, x509, is_ca, ret);
		if (first && n == 0)
			*first = x509;
		else
			lib->X509_free(x509);
		n++;
	}
	ret->broken = n == 0;
	lib->BIO_free(bio);
}

/* Gives OpenSSL the password; without one, it would ask on the terminal. */
static int on_password(char *buffer, int size, int writes, void *arg)
{
	const char *password = arg;
	int length = (int)strlen(password);

	if (length == 0 || length >= size)
		return -1;
	memcpy(buffer, password, length + 1);
	return length;
}

static enum certificate_key read_key(const struct crypto *lib, const char *path, char *password,
				     const X509 *client)
{
	BIO *bio = open_file(lib, path);
	enum certificate_key found = KEY_BROKEN;
	EVP_PKEY *key;

	if (!bio)
		return KEY_UNKNOWN;
	key = lib->PEM_read_bio_PrivateKey(bio, NULL, on_password, password);
	if (!key && lib->BIO_ctrl(bio, BIO_CTRL_RESET, 0, NULL) == 0)
		key = lib->d2i_PrivateKey_bio(bio, NULL);
	if (key)
		found = lib->X509_check_private_key(client, key) == 1 ? KEY_FITS : KEY_OTHER;
	lib->EVP_PKEY_free(key);
	lib->BIO_free(bio);
	return found;
}

/* The password of the key, as the configuration's text has it; "" if it is not there. */
static void find_password(const char *text, char *ret, size_t size)
{
	*ret = '\0';
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (wpa_quoted(line, "private_key_passwd", ret, size))
			return;
	}
}

/* The keys above the first network are for all that OpenSSL does, also before it loads files. */
static bool has_level0(const char *text)
{
	const char *network = strstr(text, "\nnetwork={");
	const char *ciphers = find_value(text, "openssl_ciphers");

	/* There, quotation marks would be part of the value. */
	return ciphers && (!network || ciphers < network) && *ciphers != '"' &&
	       memmem(ciphers, strcspn(ciphers, "\n"), "@SECLEVEL=0", strlen("@SECLEVEL=0"));
}

static void find_files(const char *text, struct certificates *ret)
{
	struct wpa_file file;
	size_t at = 0;

	while (wpa_next_file(text, &at, &file)) {
		bool ca = strcmp(file.key, "ca_cert") == 0;
		bool client = strcmp(file.key, "client_cert") == 0;

		memcpy(ca	? ret->ca.path
		       : client ? ret->client.path
				: ret->private_key,
		       file.path, sizeof(file.path));
	}
}

bool certificates_read(const char *path, struct certificates *ret)
{
	_cleanup_(freep) char *text = NULL;
	char password[256];
	struct crypto lib;
	X509 *client = NULL;

	*ret = (struct certificates){};
	if (file_read(path, &text) < 0 || crypto_open(&lib) < 0)
		return false;
	find_files(text, ret);
	find_password(text, password, sizeof(password));
	ret->level0 = has_level0(text);
	if (*ret->ca.path)
		read_certificate(&lib, true, &ret->ca, NULL);
	if (*ret->client.path)
		read_certificate(&lib, false, &ret->client, &client);
	if (client && *ret->private_key)
		ret->key = read_key(&lib, ret->private_key, password, client);
	lib.X509_free(client);
	lib.ERR_clear_error();
	return true;
}

bool certificates_are_usable(const struct certificates *certificates, struct fault *fault)
{
	const struct certificate *broken = certificates->client.broken ? &certificates->client
					   : certificates->ca.broken   ? &certificates->ca
								       : NULL;

	if (broken) {
		fault_set(fault, 0, "%s is no certificate", broken->path);
		fault_fix(fault, 0, "copy it there again; `openssl x509 -in %s -text` reads one",
			  broken->path);
	} else if (certificates->key == KEY_OTHER) {
		fault_set(fault, 0, "%s is not the key of %s", certificates->private_key,
			  certificates->client.path);
		fault_fix(fault, 0, "copy the two files again that belong together");
	} else if (certificates->key == KEY_BROKEN) {
		fault_set(fault, 0, "%s can't be read as a private key", certificates->private_key);
		fault_fix(fault, 0,
			  "copy it there again; one with a password needs private_key_passwd "
			  "in " WPA_CONFIG);
	}
	return !broken && certificates->key != KEY_OTHER && certificates->key != KEY_BROKEN;
}

struct date_text date_text(time_t time)
{
	struct date_text text = { "?" };
	struct tm tm;

	if (gmtime_r(&time, &tm))
		strftime(text.s, sizeof(text.s), "%F", &tm);
	return text;
}

bool certificates_are_valid(const struct certificates *certificates, time_t now,
			    struct fault *fault)
{
	const struct certificate *client = &certificates->client;
	bool early = client->until != 0 && now < client->from;
	bool late = client->until != 0 && now >= client->until;

	if (early) {
		fault_set(fault, 0, "%s is valid from %s on, and the clock says %s", client->path,
			  date_text(client->from).s, date_text(now).s);
		fault_fix(fault, 0, "set the clock (`timedatectl`), or copy the right certificate");
	} else if (late) {
		fault_set(fault, 0, "%s has expired on %s, %lld days ago", client->path,
			  date_text(client->until).s, (long long)(now - client->until) / 86400);
		fault_fix(fault, 0,
			  "copy one that is valid; if the date is wrong, set the clock "
			  "(`timedatectl`)");
	}
	return !early && !late;
}
