// Package agent is the second node of a sweep: Listen on one host starts shims for a driver on
// another, which has dialed it as a Peer. Nothing of a transport is here, and nothing of the control
// protocol: a connection to the agent becomes the control connection of one shim, byte by byte,
// which the agent's launcher has started. So a shim is the same wherever it runs.
//
// Connections are TLS 1.3. The agent's certificate is made as it starts; its SHA-256 is in the join
// line, and the driver accepts no other. The driver proves by an HMAC, over what the connection
// exports (RFC 9266 has the like), that it knows the line's token, which does not travel. Both sides
// are then trusted as far as an account on the agent's host that may run this program: the driver
// chooses what the shims send, and how much; it cannot have them run functions that are neither
// built in nor allowed.
//
// Each connection begins with one request, a length of four bytes and JSON, and one reply of the
// same form. There are two kinds:
//
//   - A session is one driver's hold on the agent, which serves one at a time. The agent says what
//     its node is and has, and where it answers questions for its clock (package measure/offset); later it reports on the same connection how shims have ended, and the
//     driver which to kill. When the connection ends, so does every shim of the session.
//   - A shim is started, and the connection leads to it.
package agent
