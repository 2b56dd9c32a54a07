package engines

import (
	"bytes"
	"encoding/binary"
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
		"imports":   {func(n int) []byte { return section(importSection, many(n, 1, 'm', 1, 'f', 0, 0)...) }, maxImports, "imports"},
		"functions": {func(n int) []byte { return section(functionSection, many(n, 0)...) }, maxFunctions, "functions"},
		"tables":    {func(n int) []byte { return section(tableSection, many(n, funcref, 0, 0)...) }, maxTables, "tables"},
		"memories":  {func(n int) []byte { return section(memorySection, many(n, 0, 1)...) }, maxMemories, "memories"},
		"globals":   {func(n int) []byte { return section(globalSection, many(n, byte(I32), 1, 0x41, 0, 0x0b)...) }, maxGlobals, "globals"},
		"exports":   {func(n int) []byte { return section(exportSection, many(n, 1, 'x', 0, 0)...) }, maxExports, "exports"},
		"elements": {func(n int) []byte {
			return section(elementSection, append([]byte{1, 0, 0x41, 0, 0x0b}, many(n, 0)...)...)
		}, MaxTableElements, "elements"},
		"passive": {func(n int) []byte {
			return section(elementSection, append([]byte{1, 5, funcref}, many(n, 0xd2, 0, 0x0b)...)...)
		}, MaxTableElements, "elements"},
		"two segments": {func(n int) []byte {
			return section(elementSection, slices.Concat([]byte{2, 1, 0, 1, 0, 2, 0, 0x41, 0, 0x0b, 0}, many(n, 0))...)
		}, MaxTableElements - 1, "elements"},
		"data":   {func(n int) []byte { return section(dataSection, many(n, 0, 0x41, 0, 0x0b, 1, 7)...) }, maxSegments, "data segments"},
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
			if _, err := Admit(module(test.make(test.most))); err != nil {
				t.Errorf("at the bound: %v", err)
			}
			_, err := Admit(module(test.make(test.most + 1)))
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
	} {
		if admitted, err := Admit(module(bad)); err == nil {
			t.Errorf("%s: admitted as % x", name, admitted)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %q has several lines", name, err)
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
		got, err := Admit(test.from)
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
		section(elementSection, 2, 0, 0x41, 0, 0x0b, 1, 0, 6, 0, 0x23, 0, 0x0b, funcref, 1, 0xd0, funcref, 0x0b),
		section(codeSection, append([]byte{1}, body(3, 3)...)...),
		section(dataSection, 2, 1, 1, 'x', 2, 0, 0x41, 0x80, 0, 0x0b, 0),
		section(customSection, 4, 'n', 'a', 'm', 'e'),
	))
	f.Fuzz(func(t *testing.T, wasm []byte) {
		once, err := Admit(wasm)
		if err != nil {
			return
		}
		if twice, err := Admit(once); err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%x became %x and then %x, %v", wasm, once, twice, err)
		}
	})
}
