/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire.h"

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire_int.h"

static int decode(struct wire_arena *arena,
    const ProtobufCMessageDescriptor *message, struct tr_bytes in,
    size_t size_max, ProtobufCMessage **out)
{
	static const uint8_t none[1];
	int rc;

	if (in.size > size_max)
		return TR_E_LIMIT;
	if (in.data == NULL)
		in = (struct tr_bytes){none, 0};
	rc = wire_scan(message, in);
	return rc != 0 ? rc : wire_arena_unpack(arena, message, in, out);
}

#define BUNDLE_MESSAGE_MAX 1024

#define DECODER(name, type, message, size_max)                                 \
	int name(struct wire_arena *arena, struct tr_bytes in, type **out)     \
	{                                                                      \
		ProtobufCMessage *msg;                                         \
		int rc = decode(arena, &message, in, size_max, &msg);          \
                                                                               \
		if (rc == 0)                                                   \
			*out = (type *)msg;                                    \
		return rc;                                                     \
	}

DECODER(wire_msg_decode, Terrace__Msg, terrace__msg__descriptor,
    TR_FRAME_RAW_MAX)
DECODER(wire_snap_seg_decode, Terrace__SnapSeg, terrace__snap_seg__descriptor,
    TR_SNAP_SEG_MAX)
DECODER(wire_cert_req_decode, Terrace__CertReq, terrace__cert_req__descriptor,
    TR_CERT_REQ_BYTES_MAX)
DECODER(wire_bundle_head_decode, Terrace__BundleHead,
    terrace__bundle_head__descriptor, BUNDLE_MESSAGE_MAX)
DECODER(wire_bundle_tail_decode, Terrace__BundleTail,
    terrace__bundle_tail__descriptor, BUNDLE_MESSAGE_MAX)

int wire_seg_decode(
    struct wire_arena *arena, struct tr_bytes in, Terrace__Seg **out)
{
	ProtobufCMessage *msg;
	Terrace__Seg *seg;
	int rc = decode(arena, &terrace__seg__descriptor, in, TR_SEG_BYTES_MAX,
	    &msg);

	if (rc != 0)
		return rc;
	seg = (Terrace__Seg *)msg;
	if (seg->n_op != (seg->root.len == 0 ? seg->count : 0) || seg->first + seg->count - 1 > TR_SEQ_MAX)
		return TR_E_INPUT;
	*out = seg;
	return 0;
}

size_t wire_msg_size(const Terrace__Msg *msg)
{
	return terrace__msg__get_packed_size(msg);
}

size_t wire_msg_encode(const Terrace__Msg *msg, uint8_t *out)
{
	return terrace__msg__pack(msg, out);
}
