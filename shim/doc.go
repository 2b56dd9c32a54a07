// Package shim is the function-host process and the driver's handle on it.
//
// Functions never run in the driver. Start makes a child process of the same program (the
// hidden command rrbench shim, which calls Serve(catalogue.Find)), and a Process asks it
// to serve target functions, to open routes from source functions, and to run batches of
// hand-offs. The child runs a batch by itself: the driver sleeps until records arrive, and
// records are handed over between rounds only, so nothing but the functions runs while one
// is measured.
//
//	target, err := shim.Start(ctx, shim.Options{Name: "target"})
//	source, err := shim.Start(ctx, shim.Options{Name: "source"})
//	endpoint, err := target.Serve(ctx, "kernel/stream", setup)
//	err = source.Open(ctx, "kernel/stream", setup, []transport.Endpoint{endpoint})
//	err = source.Run(ctx, shim.Batch{...}, func(r shim.Record) error { ... })
//	memory, err := target.Memory(ctx)
//	err = source.Close(); err = target.Close()
//
// A shim lives no longer than its driver, however that ends: the two are joined by one
// socket, whose end the shim sees, and by a parent-death signal, because a guest that
// never returns can keep the shim's Go runtime from seeing anything.
package shim
