package enginetest

import "rrbench/engines"

func types(valueTypes ...engines.ValueType) []engines.ValueType { return valueTypes }

var (
	i32 = engines.I32
	i64 = engines.I64
	f32 = engines.F32
	f64 = engines.F64
)

// plain is a guest without imports:
//
//	(memory (export "memory") 1)                          ;; "guest" at 0
//	nop                 ()
//	add                 (i32, i32) -> i32
//	add64               (i64, i64) -> i64
//	addf32              (f32, f32) -> f32
//	multiply            (f64, f64) -> f64
//	minus_one           () -> i32
//	wrap                (i64) -> i32
//	divide              (i32, i32) -> i32
//	load, store         (address) -> i32, (address, value)
//	grow, size          (pages) -> i32, () -> i32
//	trap                ()                                ;; unreachable
//	recurse             ()                                ;; for ever
//	swap                (i32, i64) -> (i64, i32)
func plain() Module {
	return Module{
		Memory: &Memory{Export: "memory", Initial: 1},
		Data:   []byte("guest"),
		Start:  NoStart,
		Functions: []Function{
			{Export: "nop"},
			{"add", types(i32, i32), types(i32), Code(Local(0), Local(1), Op(AddI32))},
			{"add64", types(i64, i64), types(i64), Code(Local(0), Local(1), Op(AddI64))},
			{"addf32", types(f32, f32), types(f32), Code(Local(0), Local(1), Op(AddF32))},
			{"multiply", types(f64, f64), types(f64), Code(Local(0), Local(1), Op(MultiplyF64))},
			{"minus_one", nil, types(i32), Int32(-1)},
			{"wrap", types(i64), types(i32), Code(Local(0), Op(WrapI64))},
			{"divide", types(i32, i32), types(i32), Code(Local(0), Local(1), Op(DivideI32))},
			{"load", types(i32), types(i32), Code(Local(0), Access(LoadI32))},
			{"store", types(i32, i32), nil, Code(Local(0), Local(1), Access(StoreI32))},
			{"grow", types(i32), types(i32), Code(Local(0), Op(MemoryGrow), Op(0))},
			{"size", nil, types(i32), Code(Op(MemorySize), Op(0))},
			{"trap", nil, nil, Op(Unreachable)},
			// Not a tail call: the result is used after it, so nothing can flatten it.
			{"recurse", types(i32), types(i32), Code(Local(0), Int32(1), Op(AddI32), Call(13), Local(0), Op(AddI32))},
			{"swap", types(i32, i64), types(i64, i32), Code(Local(1), Local(0))},
		},
	}
}

// hosted calls its host:
//
//	(import "env" "host"  (func (param i32 i64 f32 f64) (result i64)))
//	(import "env" "event" (func (param i32) (result i32)))
//	(import "env" "nothing" (func))
//	(memory (export "memory") 1)
//	host                (i32, i64, f32, f64) -> i64
//	wrapped             (i64) -> i64   ;; host(wrap x, 0, 0, 0)
//	event               (i32) -> i32
//	nothing             ()
//	add                 (i32, i32) -> i32
//	grow                (pages) -> i32
//	many                (i32)          ;; calls nothing that often
func hosted() Module {
	return Module{
		Imports: []Import{
			{"env", "host", types(i32, i64, f32, f64), types(i64)},
			{"env", "event", types(i32), types(i32)},
			{"env", "nothing", nil, nil},
		},
		Memory: &Memory{Export: "memory", Initial: 1},
		Start:  NoStart,
		Functions: []Function{
			{"host", types(i32, i64, f32, f64), types(i64), Code(Local(0), Local(1), Local(2), Local(3), Call(0))},
			{"wrapped", types(i64), types(i64), Code(
				Local(0), Op(WrapI64), Int64(0),
				Op(0x43), []byte{0, 0, 0, 0}, // f32.const 0
				Op(0x44), []byte{0, 0, 0, 0, 0, 0, 0, 0}, // f64.const 0
				Call(0))},
			{"event", types(i32), types(i32), Code(Local(0), Call(1))},
			{"nothing", nil, nil, Call(2)},
			{"add", types(i32, i32), types(i32), Code(Local(0), Local(1), Op(AddI32))},
			{"grow", types(i32), types(i32), Code(Local(0), Op(MemoryGrow), Op(0))},
			{"many", types(i32), nil, Code(
				Op(Loop), Op(noResult),
				Call(2),
				Local(0), Int32(1), Op(SubtractI32), []byte{0x22, 0}, // local.tee 0
				Op(BranchIf), Op(0),
				Op(End))},
		},
	}
}
