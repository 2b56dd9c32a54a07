// Package bridge is what engines behind a C interface share: the way from Go into a guest and out of it
// to the host, without a boxed value and with one crossing of cgo each way, and everything of the
// contract of package engines that is the same for all of them. An engine brings a backend (bridge.h) in C or
// C++ and a Config.
package bridge
