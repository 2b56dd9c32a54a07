package engines

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const preamble = "\x00asm\x01\x00\x00\x00"

func section(id byte, content ...byte) []byte {
	return append(binary.AppendUvarint([]byte{id}, uint64(len(content))), content...)
}

// many is a vector of n equal elements.
func many(n int, element ...byte) []byte {
	return append(binary.AppendUvarint(nil, uint64(n)), bytes.Repeat(element, n)...)
}

func module(sections ...[]byte) []byte {
	return append([]byte(preamble), slices.Concat(sections...)...)
}

// body is a function's, with one group of locals.
func body(locals uint64, code int) []byte {
	content := append(binary.AppendUvarint([]byte{1}, locals), byte(I64))
	content = append(content, bytes.Repeat([]byte{0x01}, code)...) // nop
	content = append(content, 0x0b)
	return append(binary.AppendUvarint(nil, uint64(len(content))), content...)
}

func TestAdmitKeepsToBounds(t *testing.T) {
	number := func(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }
	large := section(tableSection, append([]byte{1, funcref, 0}, number(MaxTableElements)...)...)
	large = large[:len(large):len(large)]
	for name, test := range map[string]struct {
		make  func(n int) []byte
		most  int
		words string
	}{
		"types": {func(n int) []byte { return section(typeSection, many(n, 0x60, 0, 0)...) }, maxTypes, "types"},
		"parameters": {func(n int) []byte {
			return section(typeSection, slices.Concat([]byte{1, 0x60}, many(n, byte(I32)), []byte{0})...)
		}, maxParams, "parameters"},
		"results": {func(n int) []byte {
			return section(typeSection, slices.Concat([]byte{1, 0x60, 0}, many(n, byte(I32)))...)
		}, maxParams, "results"},
		"imports": {func(n int) []byte {
			return append(section(typeSection, 1, 0x60, 0, 0), section(importSection, many(n, 1, 'm', 1, 'f', 0, 0)...)...)
		}, maxImports, "imports"},
		"functions": {func(n int) []byte { return section(functionSection, many(n, 0)...) }, maxFunctions, "functions"},
		"tables":    {func(n int) []byte { return section(tableSection, many(n, funcref, 0, 0)...) }, maxTables, "tables"},
		"globals":   {func(n int) []byte { return section(globalSection, many(n, byte(I32), 1, 0x41, 0, 0x0b)...) }, maxGlobals, "globals"},
		"exports":   {func(n int) []byte { return section(exportSection, many(n, 1, 'x', 0, 0)...) }, maxExports, "exports"},
		"elements": {func(n int) []byte {
			return append(large, section(elementSection, append([]byte{1, 0, 0x41, 0, 0x0b}, many(n, 0)...)...)...)
		}, MaxTableElements, "elements"},
		"passive": {func(n int) []byte {
			return section(elementSection, append([]byte{1, 5, funcref}, many(n, 0xd2, 0, 0x0b)...)...)
		}, MaxTableElements, "elements"},
		"two segments": {func(n int) []byte {
			return append(large, section(elementSection, slices.Concat([]byte{2, 1, 0, 1, 0, 2, 0, 0x41, 0, 0x0b, 0}, many(n, 0))...)...)
		}, MaxTableElements - 1, "elements"},
		"data": {func(n int) []byte {
			return append(section(memorySection, 1, 0, 1), section(dataSection, many(n, 0, 0x41, 0, 0x0b, 1, 7)...)...)
		}, maxSegments, "data segments"},
		"code":   {func(n int) []byte { return section(codeSection, append([]byte{1}, body(0, n-4)...)...) }, maxBody, "bytes"},
		"locals": {func(n int) []byte { return section(codeSection, append([]byte{1}, body(uint64(n), 0)...)...) }, maxLocals, "locals"},
		"all locals": {func(n int) []byte {
			return section(codeSection, slices.Concat([]byte{85}, bytes.Repeat(body(maxLocals-100, 0), 84), body(uint64(n-84*(maxLocals-100)), 0))...)
		}, maxAllLocals, "locals"},
		"table": {func(n int) []byte { return section(tableSection, append([]byte{1, funcref, 0}, number(n)...)...) }, MaxTableElements, "tables of"},
		"second table": {func(n int) []byte {
			return section(tableSection, slices.Concat([]byte{2, funcref, 0}, number(n-7), []byte{externref, 1, 7, 9})...)
		}, MaxTableElements, "tables of"},
		"size": {func(n int) []byte {
			return section(customSection, append([]byte{1, 'x'}, make([]byte, n-len(preamble)-7)...)...)
		}, MaxModule, "smaller"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := Admit("engine", module(test.make(test.most))); err != nil {
				t.Errorf("at the bound: %v", err)
			}
			_, _, err := Admit("engine", module(test.make(test.most+1)))
			if err == nil || !strings.Contains(err.Error(), test.words) || !strings.Contains(err.Error(), fmt.Sprint(test.most)) && name != "two segments" {
				t.Errorf("beyond the bound: %v", err)
			}
		})
	}
}

// TestAdmitRefusesAnnouncements gives numbers that nothing follows: an engine would make room
// first and look later.
func TestAdmitRefusesAnnouncements(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x0f}
	with := func(id byte, before ...byte) []byte { return section(id, append(before, huge...)...) }
	for name, bad := range map[string][]byte{
		"types":           with(typeSection),
		"parameters":      with(typeSection, 1, 0x60),
		"few parameters":  section(typeSection, 1, 0x60, 200, 7),
		"import":          with(importSection, 1),
		"import's name":   with(importSection, 1, 1, 'm'),
		"functions":       with(functionSection),
		"globals":         with(globalSection),
		"export's name":   with(exportSection, 1),
		"segments":        with(elementSection),
		"elements":        with(elementSection, 1, 1, 0),
		"few elements":    section(elementSection, 1, 1, 0, 100, 1),
		"bodies":          with(codeSection),
		"body":            with(codeSection, 1),
		"locals' groups":  section(codeSection, append([]byte{1, 5}, huge...)...),
		"locals":          section(codeSection, slices.Concat([]byte{1, 8, 1}, huge, []byte{byte(I32), 0x0b})...),
		"data":            with(dataSection, 1, 1),
		"data's place":    section(dataSection, 1, 0, 0x41, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0x0b, 0),
		"custom":          with(customSection),
		"table":           with(tableSection, 1, funcref, 0),
		"number":          section(functionSection, 0xff, 0xff, 0xff, 0xff, 0xff, 0),
		"section":         append([]byte{typeSection}, huge...),
		"half a section":  {typeSection, 3, 1},
		"later section":   section(13, 0),
		"memory import":   section(importSection, 1, 3, 'e', 'n', 'v', 1, 'm', 2, 0, 0),
		"type's form":     section(typeSection, 1, 0x4e, 0),
		"reference":       section(typeSection, 1, 0x60, 1, 0x64, 0, 0),
		"table's element": section(tableSection, 1, 0x40, 0, funcref, 0, 0, 0xd0, funcref, 0x0b),
		"64-bit table":    section(tableSection, 1, funcref, 4, 0),
		"constant":        section(dataSection, 1, 0, 0x10, 0, 0x0b, 0),
		"data outside":    slices.Concat(section(memorySection, 1, 0, 1), section(dataSection, 1, 0, 0x41, 0xff, 0xff, 3, 0x0b, 2, 1, 1)),
		"data below":      slices.Concat(section(memorySection, 1, 0, 1), section(dataSection, 1, 0, 0x41, 0x7f, 0x0b, 0)),
		"no memory":       section(dataSection, 1, 0, 0x41, 0, 0x0b, 1, 1),
		"element outside": slices.Concat(section(tableSection, 1, funcref, 0, 2), section(elementSection, 1, 0, 0x41, 2, 0x0b, 1, 0)),
		"no table":        section(elementSection, 1, 0, 0x41, 0, 0x0b, 1, 0),
	} {
		if admitted, _, err := Admit("engine", module(bad)); err == nil {
			t.Errorf("%s: admitted as % x", name, admitted)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %q has several lines", name, err)
		}
	}
}

// TestAdmitFindsFeatures has what no engine is asked for.
func TestAdmitFindsFeatures(t *testing.T) {
	for name, test := range map[string]struct {
		module []byte
		want   Feature
	}{
		"structure":        {section(typeSection, 1, 0x5f, 0), GarbageCollection},
		"recursive types":  {section(typeSection, 1, 0x4e, 0), GarbageCollection},
		"any reference":    {section(typeSection, 1, 0x60, 1, 0x6e, 0), GarbageCollection},
		"allocation":       {section(globalSection, 1, externref, 0, 0xfb, 1), GarbageCollection},
		"reference":        {section(typeSection, 1, 0x60, 1, 0x64, 0, 0), FunctionReferences},
		"table's value":    {section(tableSection, 1, 0x40, 0, funcref, 0, 0, 0xd0, funcref, 0x0b), FunctionReferences},
		"exception":        {section(tagSection, 0), Exceptions},
		"imported tag":     {section(importSection, 1, 1, 'e', 1, 't', 4, 0, 0), Exceptions},
		"exception's type": {section(typeSection, 1, 0x60, 1, 0x69, 0), Exceptions},
		"shared memory":    {section(memorySection, 1, 3, 1, 1), Threads},
		"shared table":     {section(tableSection, 1, funcref, 3, 1, 1), Threads},
		"64-bit memory":    {section(memorySection, 1, 4, 1), Memory64},
		"64-bit table":     {section(tableSection, 1, funcref, 4, 0), Memory64},
		"two memories":     {section(memorySection, 2, 0, 1, 0, 1), SeveralMemories},
		"small pages":      {section(memorySection, 1, 8, 1, 0), PageSizes},
	} {
		_, _, err := Admit("engine", module(test.module))
		if lacking := (*Lacking)(nil); !errors.As(err, &lacking) || lacking.Feature != test.want || lacking.Engine != "engine" {
			t.Errorf("%s: error is %v, want that of %s", name, err, test.want)
		}
	}
	// Of imports that are no functions it says no more than that.
	for name, kind := range map[string][]byte{"table": {1, funcref, 0, 0}, "memory": {2, 4, 0}, "global": {3, byte(I32), 0}} {
		_, _, err := Admit("engine", module(section(importSection, slices.Concat([]byte{1, 1, 'm', 1, 'x'}, kind)...)))
		if err == nil || !strings.Contains(err.Error(), "it imports m.x, which is no function") {
			t.Errorf("imported %s: %v", name, err)
		}
	}
}

// TestRefusedFindsFeatures has instructions before and around those of a feature.
func TestRefusedFindsFeatures(t *testing.T) {
	const all = "\x02\x40\x0c\x00\x0b\x03\x7f\x04\x01\x0b\x0b" + // block, br, loop, if
		"\x0e\x02\x00\x01\x02\x10\x80\x01\x11\x00\x00\x1c\x01\x7f" + // br_table, call, call_indirect, select
		"\x20\x12\x25\x12\x28\x02\x12\x3f\x00\x41\x92\x7f\x42\x12\x43\x12\x12\x12\x12\x44\x12\x12\x12\x12\x12\x12\x12\x12" +
		"\xd0\x70\xd2\x12\xd1\xfc\x07\xfc\x08\x12\x12\xfc\x09\x12\xfc\x0a\x12\x12\xfc\x0e\x12\x12\xfc\x11\x12" +
		"\xfd\x00\x04\x12\xfd\x0c\x12\x12\x12\x12\x12\x12\x12\x12\x12\x12\x12\x12\x12\x12\x12\x12\xfd\x15\x12\xfd\x54\x00\x12\x12\xfd\x5c\x02\x12\xfd\x80\x01\x6a"
	for code, want := range map[string]Feature{
		"":                     "",
		"\x12\x00":             TailCalls,
		"\x13\x00\x00":         TailCalls,
		"\xfd\x80\x02":         RelaxedSIMD,
		"\xfc\x13":             WideArithmetic,
		"\xfe\x10\x02\x00":     Threads,
		"\x08\x00":             Exceptions,
		"\x1f\x40\x00":         Exceptions,
		"\x14\x00":             FunctionReferences,
		"\x02\x64\x00\x0b":     FunctionReferences,
		"\xfb\x00\x00":         GarbageCollection,
		"\x28\x42\x01\x00\x6a": SeveralMemories,
	} {
		body := append([]byte{0}, all+code+all+"\x0b"...)
		body = append(binary.AppendUvarint(nil, uint64(len(body))), body...)
		wasm := module(section(codeSection, append([]byte{1}, body...)...))
		if _, _, err := Admit("engine", wasm); err != nil {
			t.Errorf("% x is not admitted: %v", code, err)
		}
		err := Refused("engine", []Feature{ExtendedConstants}, wasm, "why")
		if lacking := (*Lacking)(nil); errors.As(err, &lacking) != (want != "") || lacking != nil && lacking.Feature != want {
			t.Errorf("% x: error is %v, want that of %q", code, err, want)
		}
		if err := Refused("engine", []Feature{want}, wasm, "why"); err.Error() != "engine engine refuses the module: why" {
			t.Errorf("% x: %v", code, err)
		}
	}
}

func TestAdmitGivesTablesAMaximum(t *testing.T) {
	table := func(min, max uint64) []byte {
		return binary.AppendUvarint(binary.AppendUvarint([]byte{funcref, 1}, min), max)
	}
	start := section(startSection, 0)
	for name, test := range map[string]struct{ from, want []byte }{
		"none":    {module(section(tableSection, 0), start), module(start)},
		"without": {module(section(tableSection, 1, funcref, 0, 5), start), module(section(tableSection, append([]byte{1}, table(5, MaxTableElements)...)...), start)},
		"smaller": {module(section(tableSection, 1, funcref, 1, 5, 6)), module(section(tableSection, append([]byte{1}, table(5, 6)...)...))},
		"larger": {
			module(section(tableSection, 1, funcref, 1, 5, 0xff, 0xff, 0xff, 0xff, 0x0f)),
			module(section(tableSection, append([]byte{1}, table(5, MaxTableElements)...)...)),
		},
		"several": {
			module(section(tableSection, 2, funcref, 0, 6, funcref, 0, 0)),
			module(section(tableSection, slices.Concat([]byte{2}, table(6, 6+MaxTableElements/2-3), table(0, MaxTableElements/2-3))...)),
		},
		"names": {module(section(customSection, 4, 'n', 'a', 'm', 'e', 1, 2, 3), start), module(start)},
		"other": {module(section(customSection, 3, 'n', 'a', 'm', 1), start), module(section(customSection, 3, 'n', 'a', 'm', 1), start)},
	} {
		got, _, err := Admit("engine", test.from)
		if err != nil || !bytes.Equal(got, test.want) {
			t.Errorf("%s: %x, %v, want %x", name, got, err, test.want)
		}
	}
}

// FuzzAdmit checks that what was admitted is admitted again as it is.
func FuzzAdmit(f *testing.F) {
	f.Add(module(
		section(typeSection, many(2, 0x60, 1, byte(I32), 0)...),
		section(importSection, 1, 1, 'm', 1, 'f', 0, 0),
		section(functionSection, 1, 0),
		section(tableSection, 2, funcref, 0, 6, externref, 1, 0, 9),
		section(memorySection, 1, 0, 1),
		section(elementSection, 2, 0, 0x41, 0, 0x0b, 1, 0, 6, 0, 0x23, 0, 0x0b, funcref, 1, 0xd0, funcref, 0x0b),
		section(codeSection, append([]byte{1}, body(3, 3)...)...),
		section(dataSection, 2, 1, 1, 'x', 2, 0, 0x41, 0x80, 0, 0x0b, 0),
		section(customSection, 4, 'n', 'a', 'm', 'e'),
	))
	f.Fuzz(func(t *testing.T, wasm []byte) {
		_ = Refused("engine", nil, wasm, "")
		once, _, err := Admit("engine", wasm)
		if err != nil {
			return
		}
		if twice, _, err := Admit("engine", once); err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%x became %x and then %x, %v", wasm, once, twice, err)
		}
	})
}
