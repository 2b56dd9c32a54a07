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

// Resolve picks the host function for each import, in the order of imports. A name may be
// offered several times with different signatures: the one that the module declares is
// taken. The error names every import that the host does not offer.
func Resolve(imports []FunctionType, offered []HostFunction) ([]HostFunction, error) {
	byPath := make(map[string][]*HostFunction, len(offered))
	for i := range offered {
		path := offered[i].Module + "." + offered[i].Name
		byPath[path] = append(byPath[path], &offered[i])
	}
	resolved := make([]HostFunction, len(imports))
	var missing []string
	for i, wanted := range imports {
		candidates := byPath[wanted.Path()]
		fitting := slices.IndexFunc(candidates, func(h *HostFunction) bool { return h.SameSignature(wanted) })
		switch {
		case fitting >= 0:
			resolved[i] = *candidates[fitting]
		case len(candidates) > 0:
			have := candidates[0].FunctionType
			have.ImportModule = candidates[0].Module
			missing = append(missing, fmt.Sprintf("%s, which the host offers as %s", wanted, have))
		default:
			missing = append(missing, wanted.String())
		}
	}
	if missing != nil {
		return nil, fmt.Errorf("the host has no function for the import %s; offer it or build the module without it", strings.Join(missing, "; "))
	}
	return resolved, nil
}
