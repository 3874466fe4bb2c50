// SPDX-License-Identifier: GPL-2.0-only
#include "pcapng_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../core/bytes.h"
#include "notes.h"

enum {
	BUFFER_SIZE = 1 << 20, /* more than a packet of 256 KiB with all its options */
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_ENHANCED = 6,
	OPT_END = 0,
	OPT_COMMENT = 1,
	OPT_SECTION_OS = 3,
	OPT_SECTION_APPLICATION = 4,
	OPT_INTERFACE_NAME = 2,
	OPT_INTERFACE_DESCRIPTION = 3,
	OPT_INTERFACE_TSRESOL = 9,
	OPT_PACKET_FLAGS = 2,
	OPT_PACKET_DROPCOUNT = 4,
	OPT_ROOM = NOTE_OPTION + 1,
	COMMENT_MAX = 4096,
};

struct pcapng_writer {
	char *path;
	int fd;
	bool own_fd, seekable;
	int err; /* the first */
	uint32_t iface_cnt;
	uint64_t flushed; /* bytes that left the buffer */
	size_t block;	  /* where the block that is being written begins in the buffer */
	size_t len;
	uint8_t buf[BUFFER_SIZE];
};

/* --- output ----------------------------------------------------------------------------------- */

static void note_error(struct pcapng_writer *w, int err)
{
	if (!w->err)
		w->err = err;
}

int pcapng_flush(struct pcapng_writer *w)
{
	size_t done = 0;
	ssize_t n;

	while (done < w->len && !w->err) {
		n = write(w->fd, w->buf + done, w->len - done);
		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			note_error(w, -errno);
	}
	w->flushed += w->len;
	w->len = 0;
	return w->err;
}

static uint8_t *append(struct pcapng_writer *w, size_t n)
{
	uint8_t *p = w->buf + w->len;

	w->len += n;
	return p;
}

static void append_u32(struct pcapng_writer *w, uint32_t v)
{
	put_le32(append(w, 4), v);
}

/* With what fills it up to four bytes. */
static void append_bytes(struct pcapng_writer *w, const void *bytes, size_t n)
{
	uint8_t *p = append(w, (n + 3) & ~(size_t)3);

	memset(p + (n & ~(size_t)3), 0, w->buf + w->len - (p + (n & ~(size_t)3)));
	if (n)
		memcpy(p, bytes, n);
}

static void append_option(struct pcapng_writer *w, uint16_t code, const void *bytes, size_t n)
{
	uint8_t *p = append(w, 4);

	put_le16(p, code);
	put_le16(p + 2, (uint16_t)n);
	append_bytes(w, bytes, n);
}

static void append_text(struct pcapng_writer *w, uint16_t code, const char *text, size_t max)
{
	if (text && *text)
		append_option(w, code, text, strnlen(text, max));
}

/* `most`: how long the block may become. */
static void begin_block(struct pcapng_writer *w, uint32_t type, size_t most)
{
	if (most > BUFFER_SIZE - w->len)
		pcapng_flush(w);
	w->block = w->len;
	append_u32(w, type);
	append_u32(w, 0);
}

static void end_block(struct pcapng_writer *w)
{
	uint32_t total = (uint32_t)(w->len - w->block) + 4;

	put_le32(w->buf + w->block + 4, total);
	append_u32(w, total);
}

/* --- blocks ----------------------------------------------------------------------------------- */

static void add_section(struct pcapng_writer *w)
{
	struct utsname os;
	char text[sizeof(os.sysname) + sizeof(os.release) + 1] = "";

	if (!uname(&os)) {
		strcat(text, os.sysname);
		strcat(text, " ");
		strcat(text, os.release);
	}
	begin_block(w, BLOCK_SECTION, 1024);
	append_u32(w, 0x1a2b3c4d); /* byte order */
	append_u32(w, 1);	   /* version 1.0 */
	append_u32(w, UINT32_MAX); /* the section's length, 64 bits: not told */
	append_u32(w, UINT32_MAX);
	append_text(w, OPT_SECTION_OS, text, sizeof(text));
	append_text(w, OPT_SECTION_APPLICATION, "httplat " HTTPLAT_VERSION, 64);
	append_option(w, OPT_END, NULL, 0);
	end_block(w);
}

int pcapng_writer_open(const char *path, struct pcapng_writer **out, struct diag *d)
{
	struct pcapng_writer *w = malloc(sizeof(*w));
	struct stat st;

	if (!w)
		return diag_set(d, EXIT_RUNTIME, -ENOMEM, "out of memory");
	memset(w, 0, offsetof(struct pcapng_writer, buf));
	w->own_fd = strcmp(path, "-") != 0;
	w->path = strdup(w->own_fd ? path : "standard output");
	w->fd = w->own_fd ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
			  : STDOUT_FILENO;
	if (w->fd < 0) {
		int err = diag_set(d, EXIT_RUNTIME, -errno, "cannot write '%.200s': %s", path,
				   strerror(errno));

		w->own_fd = false;
		pcapng_writer_close(w, NULL);
		return err;
	}
	w->seekable = w->own_fd && !fstat(w->fd, &st) && S_ISREG(st.st_mode);
	add_section(w);
	*out = w;
	return 0;
}

uint32_t pcapng_add_interface(struct pcapng_writer *w, uint16_t link_type, const char *name,
			      const char *description)
{
	const uint8_t nanoseconds = 9;

	begin_block(w, BLOCK_INTERFACE, 1024);
	append_u32(w, link_type);
	append_u32(w, 0); /* no limit to packets */
	append_text(w, OPT_INTERFACE_NAME, name, 256);
	append_text(w, OPT_INTERFACE_DESCRIPTION, description, 256);
	append_option(w, OPT_INTERFACE_TSRESOL, &nanoseconds, 1);
	append_option(w, OPT_END, NULL, 0);
	end_block(w);
	return w->iface_cnt++;
}

static void append_room(struct pcapng_writer *w, uint32_t len, struct pcapng_room *room)
{
	uint8_t *p;

	*room = (struct pcapng_room){0};
	if (!w->seekable || len < 8)
		return;
	*room = (struct pcapng_room){w->flushed + w->len, len};
	p = append(w, len);
	memset(p, 0, len);
	put_le16(p, OPT_ROOM);
	put_le16(p + 2, (uint16_t)(len - 4));
}

/* How long the block may become, most of all. */
static size_t packet_room(const struct pcapng_packet *p)
{
	size_t most = 128 + p->cap + p->note_len + p->room;
	unsigned int i;

	for (i = 0; p->comments && p->comments[i]; i++)
		most += COMMENT_MAX + 8;
	return most;
}

void pcapng_add_packet(struct pcapng_writer *w, const struct pcapng_packet *p,
		       struct pcapng_room *room)
{
	uint8_t word[8];
	unsigned int i;

	begin_block(w, BLOCK_ENHANCED, packet_room(p));
	append_u32(w, p->iface);
	append_u32(w, (uint32_t)(p->time_ns >> 32));
	append_u32(w, (uint32_t)p->time_ns);
	append_u32(w, p->cap);
	append_u32(w, p->len);
	append_bytes(w, p->data, p->cap);
	for (i = 0; p->comments && p->comments[i]; i++)
		append_text(w, OPT_COMMENT, p->comments[i], COMMENT_MAX);
	if (p->direction) {
		put_le32(word, p->direction);
		append_option(w, OPT_PACKET_FLAGS, word, 4);
	}
	if (p->dropped) {
		put_le64(word, p->dropped);
		append_option(w, OPT_PACKET_DROPCOUNT, word, 8);
	}
	if (p->note_len)
		append_option(w, NOTE_OPTION, p->note, p->note_len);
	append_room(w, p->room, room);
	append_option(w, OPT_END, NULL, 0);
	end_block(w);
}

void pcapng_add_note(struct pcapng_writer *w, const uint8_t *note, size_t len)
{
	begin_block(w, NOTE_BLOCK_TYPE, len + 16);
	append_bytes(w, note, len);
	end_block(w);
}

/* --- comments that come later --------------------------------------------------------------- */

static void overwrite(struct pcapng_writer *w, uint64_t offset, const uint8_t *bytes, size_t len)
{
	ssize_t n;

	if (offset >= w->flushed) { /* blocks leave the buffer whole */
		memcpy(w->buf + (offset - w->flushed), bytes, len);
		return;
	}
	while (len && !w->err) {
		n = pwrite(w->fd, bytes, len, (off_t)offset);
		if (n <= 0 && !(n < 0 && errno == EINTR))
			note_error(w, n ? -errno : -EIO);
		if (n <= 0)
			continue;
		bytes += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
}

/* The longest beginning of text that has at most max bytes and ends with a whole character. */
static size_t fit(const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len <= max)
		return len;
	while (max && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

bool pcapng_comment(struct pcapng_writer *w, struct pcapng_room *room, const char *text)
{
	uint8_t bytes[COMMENT_MAX + 16] = {0};
	size_t len, used, max;

	if (room->len < 16)
		return false;
	/* Behind it there is place for the rest's own header. */
	max = room->len - 8;
	len = fit(text, max < COMMENT_MAX ? max : COMMENT_MAX);
	used = 4 + ((len + 3) & ~(size_t)3);
	put_le16(bytes, OPT_COMMENT);
	put_le16(bytes + 2, (uint16_t)len);
	memcpy(bytes + 4, text, len);
	put_le16(bytes + used, OPT_ROOM);
	put_le16(bytes + used + 2, (uint16_t)(room->len - used - 4));
	overwrite(w, room->offset, bytes, used + 4);
	room->offset += used;
	room->len -= (uint32_t)used;
	return true;
}

uint64_t pcapng_size(const struct pcapng_writer *w)
{
	return w->flushed + w->len;
}

int pcapng_writer_close(struct pcapng_writer *w, struct diag *d)
{
	int err;

	if (!w)
		return 0;
	if (w->fd >= 0)
		pcapng_flush(w);
	if (w->own_fd && close(w->fd))
		note_error(w, -errno);
	err = w->err;
	if (err)
		diag_set(d, EXIT_RUNTIME, err, "cannot write '%.200s': %s",
			 w->path ? w->path : "?", strerror(-err));
	free(w->path);
	free(w);
	return err;
}
