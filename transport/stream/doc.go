// Package stream connects a source shim and a target shim by one blocking stream socket:
// a Unix socket in the abstract namespace, so that no file can be left over, or TCP.
//
// The data path makes the plainest system calls there are, write(2) and read(2) on
// blocking descriptors, from and into the caller's memory. Package net would set the
// descriptors non-blocking and put a poller between a function and its bytes.
//
// # Handshake
//
// Both sides know the endpoint's random 32-byte nonce, which never crosses the wire: each
// answers the other's random challenge with an HMAC-SHA256 under the nonce (RFC 2104). On
// a Unix socket the peer must be a process of the same user, too (SO_PEERCRED, unix(7)).
//
//	connector → listener   hello:    magic, version, challenge
//	listener → connector   reply:    magic, version, challenge, proof
//	connector → listener   proof
//	listener → connector   verdict:  magic, verdict
//
// The handshake keeps strangers out. It does not encrypt or sign what follows: whoever can
// alter packets on the way can alter a payload, which the digests then reveal.
//
// # Frames
//
// All numbers are little-endian. A payload travels as a header of 24 bytes and its bytes:
//
//	magic u32, flags u32, sequence u64, length u64
//
// Between processes of one host, flag 1 says that a reference follows in place of the
// bytes, and flag 2 that an open file comes with it (SCM_RIGHTS, unix(7)):
//
//	id u64, size u32, zero u32, directions of that size
//
// A frame is answered by an acknowledgement of 104 bytes, followed by a text on failure:
//
//	magic u32, status u8, held u8, text length u16, sequence u64,
//	received i64, copied in i64, delivered i64, consumed i64   (ns of the target's clock)
//	length u64, digest u64                                     (what the handler saw)
//	user i64, kernel i64 (ns), minor faults i64, context switches i64
//	released u64                                               (a reference's id, or zero)
//
// A target that cannot take a payload (no memory, a handler that trapped) reads it to its
// end and says so in the acknowledgement; the connection stays in step and goes on. A
// target that cannot follow a reference may ask for the bytes. What breaks the step (an
// end of stream inside a frame, a time-out, rubbish) closes it.
package stream
