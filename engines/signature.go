package engines

import (
	"fmt"
	"slices"
	"strings"

	"rrbench/foreign"
)

func (v ValueType) String() string {
	if v < F64 || v > I32 {
		return fmt.Sprintf("0x%02x", byte(v))
	}
	return [...]string{"f64", "f32", "i64", "i32"}[v-F64]
}

// Narrow lists the places of the 32-bit values among types. An engine clears the upper
// halves of these stack slots, which some runtimes leave filled with whatever a register
// held.
func Narrow(types []ValueType) []int {
	var places []int
	for place, valueType := range types {
		if valueType == I32 || valueType == F32 {
			places = append(places, place)
		}
	}
	return places
}

// Slots is the length of the stack that a call needs.
func (f FunctionType) Slots() int { return max(len(f.Params), len(f.Results)) }

// Path is the function's name, with the import's module before it.
func (f FunctionType) Path() string {
	if f.ImportModule == "" {
		return f.Name
	}
	return f.ImportModule + "." + f.Name
}

// String is the path with the signature, for example "env.send(i32, i32) -> i32".
func (f FunctionType) String() string {
	text := foreign.Line(f.Path(), foreign.Usual) + "(" + join(f.Params) + ")"
	switch len(f.Results) {
	case 0:
		return text
	case 1:
		return text + " -> " + f.Results[0].String()
	}
	return text + " -> (" + join(f.Results) + ")"
}

// SameSignature compares parameters and results.
func (f FunctionType) SameSignature(other FunctionType) bool {
	return slices.Equal(f.Params, other.Params) && slices.Equal(f.Results, other.Results)
}

func join(types []ValueType) string {
	names := make([]string, len(types))
	for i, valueType := range types {
		names[i] = valueType.String()
	}
	return strings.Join(names, ", ")
}
