// Package agent is the second node of a sweep: an Agent on one host starts shims for a driver on
// another, which reaches it as a Peer. It knows nothing of transports or of the control protocol: a
// connection to the agent becomes the control connection of one shim that the agent's launcher has
// started, and its bytes are copied. So a shim is the same wherever it runs.
//
// Connections are TLS 1.3. The agent's certificate is made as it starts; its SHA-256 is in the join
// line, and the driver accepts no other. The driver proves that it knows the line's token, which does
// not travel, by an HMAC over keying material that the connection exports (compare RFC 9266). Both sides
// are then trusted like an account on the agent's host that may run this program: the driver
// chooses what the shims send, and how much; they run only functions that are built in or
// allowed.
//
// Each connection begins with one request, a length of four bytes and JSON, and one reply of the
// same form. There are two kinds:
//
//   - A session belongs to one driver; the agent serves one at a time. The agent sends the Facts of its
//     node, and the address of its clock (package measure/offset); later it reports on the same
//     connection how shims have ended, and the driver asks it to kill some. When the connection ends, so
//     does every shim of the session.
//   - The agent starts a shim, to which the connection leads from then on.
package agent
