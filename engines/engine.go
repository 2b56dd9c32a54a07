// Package engines puts one interface over the WebAssembly runtimes, so that transports
// are written once and measured on each of them.
//
// An engine compiles a module once; the module is instantiated many times, each instance
// with its own linear memory and its own host functions. Looking an export up is the slow
// part and done once; calling it allocates nothing.
//
// Nothing that a guest does ends the process: a trap, an exit, an access out of bounds or
// a memory that cannot grow is the error of the call that met it.
package engines

import "context"

// Engine is one WebAssembly runtime. It is safe for concurrent use.
type Engine interface {
	// Name is the engine's name on the command line and in results, for example "wazero".
	Name() string
	// Version is the version of the runtime itself, for the manifest.
	Version() string
	// Capabilities lists what this engine can do beyond plain calls.
	Capabilities() Capabilities
	// Compile validates and compiles a module that Admit admits. The bytes are not kept. The
	// error states whether the bytes are no WebAssembly at all, a module beyond the bounds of
	// all engines, or one that this engine refuses.
	Compile(ctx context.Context, wasm []byte) (Module, error)
	// CacheFault returns why the code of large modules is not kept for other processes, or may
	// soon not be, else nil. Modules work in either case.
	CacheFault() error
	// Close releases compiled code. Instances must be closed before.
	Close() error
}

// Capabilities are properties that a transport may depend on.
type Capabilities struct {
	// StableBase: growing never moves a linear memory, so an address inside it
	// holds for the life of the instance.
	StableBase bool
	// PrivateAnonymousMemory: linear memory is private anonymous pages, the kind
	// that mremap(2) can move.
	PrivateAnonymousMemory bool
	// UninterruptibleCalls: a running guest cannot be preempted by the Go
	// runtime: a garbage collection that starts meanwhile waits for the guest.
	UninterruptibleCalls bool
	// KeepsCode: the native code of large modules is kept for other processes.
	KeepsCode bool
	// CompilesToFiles: compiling takes temporary files, and fails where there is no room for them.
	CompilesToFiles bool
	// Features are what the engine takes beyond WebAssembly 2.0.
	Features []Feature
}

// Module is a compiled module. It is safe for concurrent use.
type Module interface {
	// Imports lists the functions that the module expects from its host.
	Imports() []FunctionType
	// Exports lists the functions that the module offers.
	Exports() []FunctionType
	// ExportsMemory reports whether its instances have a Memory.
	ExportsMemory() bool
	// Instantiate makes an instance with its own memory and runs its initializer
	// (_initialize for a reactor). A module that needs more memory than
	// InstanceConfig.MemoryLimit, or an import that is missing, is an error that names it.
	Instantiate(ctx context.Context, config InstanceConfig) (Instance, error)
	Close() error
}

// InstanceConfig configures one instance.
type InstanceConfig struct {
	// Name appears in errors.
	Name string
	// Imports are the host functions; the module may import fewer of them.
	Imports []HostFunction
	// MemoryLimit bounds the linear memory, in bytes; it is rounded down to Wasm pages.
	// Zero means the 4 GiB that a 32-bit memory can address. What an instance can make its
	// host hold besides is bounded by Admit.
	MemoryLimit uint64
}

// Instance is an instantiated module. One goroutine at a time may call into it; a host
// function may call back into the instance that called it.
type Instance interface {
	// Function looks an export up; ok is false when the module does not export it.
	// The lookup is cached, the result stays valid until Close.
	Function(name string) (f Function, ok bool)
	// Memory is the linear memory exported as "memory", or nil when there is none.
	Memory() Memory
	// Close frees the instance and its memory. Views of the memory are invalid after it.
	Close() error
}

// Function is an exported function.
type Function interface {
	Type() FunctionType
	// Call runs the function: parameters are read from the front of stack, results are
	// written to its front, so its length is the larger of the two counts. A 32-bit value
	// sits in the lower half; the upper half of a result is zero. Call allocates nothing
	// when the guest returns normally.
	//
	// The error is a *Trap or an *Exit, or what a host function returned, wrapped.
	Call(stack []uint64) error
}

// Memory is an instance's linear memory.
type Memory interface {
	// Bytes is a view of the whole memory, not a copy. It is valid until the memory grows
	// or the instance closes: take it anew after every call into the guest.
	Bytes() []byte
	// Size is the present size in bytes.
	Size() uint64
}

// HostFunction is a function that the host offers to a guest.
type HostFunction struct {
	FunctionType
	// Module is the import's module name.
	Module string
	// Handler runs on the goroutine of the call into the guest. It reads parameters from
	// the front of stack and writes results there; upper halves of 32-bit parameters are
	// already cleared. A non-nil error ends the guest's call as a trap and comes out of
	// Function.Call, where errors.Is and errors.As find it.
	Handler func(caller Instance, stack []uint64) error
}

// FunctionType names a function and its signature.
type FunctionType struct {
	// ImportModule is set for a module's imports only.
	ImportModule string
	Name         string
	Params       []ValueType
	Results      []ValueType
}

// ValueType is a WebAssembly number type, encoded as in the binary format.
// See https://www.w3.org/TR/wasm-core-2/#binary-numtype
type ValueType byte

const (
	I32 ValueType = 0x7f
	I64 ValueType = 0x7e
	F32 ValueType = 0x7d
	F64 ValueType = 0x7c
)
