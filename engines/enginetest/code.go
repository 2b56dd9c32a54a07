package enginetest

import "slices"

// Opcodes that the test guests consist of.
// See https://www.w3.org/TR/wasm-core-2/#binary-instr
const (
	Unreachable = 0x00
	Loop        = 0x03
	BranchIf    = 0x0d
	Branch      = 0x0c
	End         = 0x0b
	CallOp      = 0x10
	Drop        = 0x1a
	GetLocalOp  = 0x20
	LoadI32     = 0x28
	LoadByte    = 0x2d
	StoreI32    = 0x36
	StoreByte   = 0x3a
	MemorySize  = 0x3f
	MemoryGrow  = 0x40
	ConstI32    = 0x41
	ConstI64    = 0x42
	AddI32      = 0x6a
	SubtractI32 = 0x6b
	DivideI32   = 0x6d
	AddI64      = 0x7c
	AddF32      = 0x92
	MultiplyF64 = 0xa2
	WrapI64     = 0xa7
	noResult    = 0x40
)

// Code joins instructions.
func Code(instructions ...[]byte) []byte { return slices.Concat(instructions...) }

// Local pushes a parameter.
func Local(index uint32) []byte { return append([]byte{GetLocalOp}, Unsigned(uint64(index))...) }

// Call calls the function of an index, imports first.
func Call(index uint32) []byte { return append([]byte{CallOp}, Unsigned(uint64(index))...) }

// Int32 pushes a constant.
func Int32(value int32) []byte { return append([]byte{ConstI32}, Signed(int64(value))...) }

// Int64 pushes a constant.
func Int64(value int64) []byte { return append([]byte{ConstI64}, Signed(value)...) }

// Op is a plain instruction.
func Op(opcode byte) []byte { return []byte{opcode} }

// Access is a load or store of the address on the stack, without offset.
func Access(opcode byte) []byte { return []byte{opcode, 0, 0} }
