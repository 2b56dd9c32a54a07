// Package shim is the function-host process and the driver's handle on it.
//
// Functions never run in the driver. A launcher starts a process of the same program (the
// hidden command rrbench shim, which calls Serve(catalogue.Find)), and a Process asks it
// to serve target functions, to open routes from source functions, and to run batches of
// hand-offs. The shim runs a batch by itself: the driver sleeps until records arrive, and
// the shim sends records between rounds only, so nothing but the functions runs during a
// measured round.
//
//	cell, err := shim.StartCell(ctx, launcher, info, setup)
//	took, err := cell.Connect(ctx, concurrency, fanin)
//	window, err := cell.Run(ctx, shim.Batch{...}, func(r shim.Record) error { ... })
//	memory, err := cell.Memory(ctx)
//	err = cell.Close()
//
// A shim lives no longer than its driver, however that ends: the shim sees the end of the socket
// that joins the two, and it gets a parent-death signal, because a guest that never returns can
// keep the shim's Go runtime from reading the socket.
package shim
