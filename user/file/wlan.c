// SPDX-License-Identifier: GPL-2.0-only
#include "wlan.h"

#include "../core/bytes.h"

enum {
	FC_TO_DS = 0x01, /* of the second byte of the frame control field (IEEE 802.11 §9.2.4.1) */
	FC_FROM_DS = 0x02,
	FC_PROTECTED = 0x40,
	FC_ORDER = 0x80,
	SUBTYPE_NO_DATA = 0x4,
	SUBTYPE_QOS = 0x8,
	QOS_AMSDU = 0x80,
	AMSDU_HDR_LEN = 14,
	RADIOTAP_FLAGS_PAD = 0x20,
	AVS_MAGIC = 0x80211000,
};

enum layer wlan_step(struct packet *p, bool padded)
{
	uint8_t control, flags, subtype;
	uint32_t hdr_len = 24;
	bool amsdu = false;
	enum layer next;

	if (p->cap < 2)
		return packet_pull(p, 2, LAYER_NONE);
	control = p->data[0];
	flags = p->data[1];
	subtype = control >> 4;
	if ((control & 0x0f) != 0x08 || subtype & SUBTYPE_NO_DATA || flags & FC_PROTECTED)
		return LAYER_NONE;
	if ((flags & (FC_TO_DS | FC_FROM_DS)) == (FC_TO_DS | FC_FROM_DS))
		hdr_len += 6; /* the fourth address */
	if (subtype & SUBTYPE_QOS) {
		if (p->cap < hdr_len + 2)
			return packet_pull(p, hdr_len + 2, LAYER_NONE);
		amsdu = p->data[hdr_len] & QOS_AMSDU;
		hdr_len += flags & FC_ORDER ? 6 : 2; /* with HT control */
	}
	if (padded)
		hdr_len = (hdr_len + 3) & ~3u;
	next = packet_pull(p, hdr_len, LAYER_LLC);
	if (next == LAYER_LLC && amsdu) { /* only the first frame of an aggregate */
		if (p->cap >= AMSDU_HDR_LEN)
			packet_trim(p, AMSDU_HDR_LEN + get_be16(p->data + 12));
		next = packet_pull(p, AMSDU_HDR_LEN, LAYER_LLC);
	}
	return next;
}

/* radiotap.org: the flags field, if any, follows the presence words and the aligned TSF timer. */
static bool radiotap_padded(const uint8_t *hdr, uint32_t len)
{
	uint32_t present = get_le32(hdr + 4), pos = 8;

	while (get_le32(hdr + pos - 4) & 1u << 31) {
		pos += 4;
		if (pos > len)
			return false;
	}
	if (present & 1u << 0)
		pos = ((pos + 7) & ~7u) + 8;
	return present & 1u << 1 && pos < len && hdr[pos] & RADIOTAP_FLAGS_PAD;
}

enum layer wlan_radiotap(struct packet *p)
{
	bool padded;
	uint32_t len;
	enum layer next;

	if (p->cap < 8)
		return packet_pull(p, 8, LAYER_NONE);
	len = get_le16(p->data + 2);
	if (len < 8)
		return LAYER_MALFORMED;
	if (len > p->cap)
		return packet_pull(p, len, LAYER_NONE);
	padded = radiotap_padded(p->data, len);
	next = packet_pull(p, len, LAYER_WLAN);
	return next == LAYER_WLAN ? wlan_step(p, padded) : next;
}

enum layer wlan_avs(struct packet *p)
{
	if (p->cap < 8)
		return packet_pull(p, 8, LAYER_NONE);
	return packet_pull(p, get_be32(p->data + 4), LAYER_WLAN);
}

enum layer wlan_prism(struct packet *p)
{
	uint32_t len;

	if (p->cap < 8)
		return packet_pull(p, 8, LAYER_NONE);
	if ((get_be32(p->data) & 0xfffff000) == AVS_MAGIC)
		return wlan_avs(p);
	len = get_le32(p->data + 4); /* in the byte order of the host that captured */
	if (len > 0xffff)
		len = get_be32(p->data + 4);
	return packet_pull(p, len, LAYER_WLAN);
}

enum layer wlan_ppi(struct packet *p)
{
	if (p->cap < 8)
		return packet_pull(p, 8, LAYER_NONE);
	p->type = get_le32(p->data + 4);
	return packet_pull(p, get_le16(p->data + 2), LAYER_LINK);
}
