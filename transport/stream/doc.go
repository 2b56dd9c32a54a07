// Package stream connects a source shim and a target shim by one blocking stream socket:
// a Unix socket, or TCP. Unix sockets lie in a directory that no other user can enter, in
// /run/user or /tmp, one a process, which goes with the process's last listener. What a killed
// process leaves is removed by the next one that listens.
//
// The data path makes the plainest system calls there are, write(2) and read(2) on
// blocking descriptors, from and into the caller's memory. Package net would set the
// descriptors non-blocking and put a poller between a function and its bytes.
//
// # Handshake
//
// Both sides prove that they know the endpoint's nonce (transport.Prove). On a Unix socket
// the peer must be a process of the same user, too (SO_PEERCRED, unix(7)).
//
//	connector → listener   hello:    magic u32, version u16, zero u16, proof
//	listener → connector   verdict:  magic u32, version u16, verdict u16, answer
//
// The handshake admits the processes of this run. It does not encrypt or sign what follows: what
// is altered on the way is revealed by the digests.
//
// # Frames
//
// All numbers are little-endian. A payload travels as a header of 40 bytes and its bytes:
//
//	magic u32, flags u32, sequence u64, length u64, id u64, size u64
//
// Flag 1 says that the bytes are elsewhere: in a memory file, in the source's memory, in a
// server. In their place comes a locator of that size, of the reference with that id; both are
// zero otherwise. Flag 2 says that an open file comes with it (SCM_RIGHTS, unix(7)).
//
// Flag 4 says that what follows, of that length, is common to all references to come:
// where a server is, say, and what lets the target in there. It is sent once, when the route
// opens, and answered when the target is prepared, so that no hand-off waits for that.
//
// A frame is answered by an envelope and a delivery (transport.Delivery.AppendTo) of which the
// target has filled in its part:
//
//	magic u32, status u8, held u8, zero u16, sequence u64, released u64 (a reference's id, or zero)
//	delivery
//
// A target that cannot take a payload (no memory, a handler that trapped) reads it to its
// end and says so in its answer; the connection stays in step and goes on. A
// target that cannot follow a reference may ask for the bytes. What breaks the step (an
// end of stream inside a frame, a time-out, a malformed frame) closes it.
package stream
