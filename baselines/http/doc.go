// Package http hands payloads over as HTTP/1.1 requests between native functions: what
// two ordinary services would do, written as well as package net/http allows.
//
// A request is POST / with the serialized object as its body, of known length, on a
// connection that is kept open; the reply is a transport.Delivery. What is tuned:
//
//   - the source writes the body with one write(2) out of the object's own memory or the
//     encoder's, where net/http would copy it in pieces of 32 KiB;
//   - the target reads it with reads as large as the socket's buffer, straight into memory
//     that it has kept from the requests before;
//   - connections are made beforehand and kept; sockets are tuned as stream.TuneTCP does
//     for all transports;
//   - no compression, no proxy, no waiting for 100-continue.
//
// What remains is a copy into the kernel, one out of it, HTTP's parsing of headers, and
// net/http's goroutines.
package http
