package enginetest

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"rrbench/engines"
)

// section is a module's.
func section(id byte, contents ...[]byte) []byte {
	content := slices.Concat(contents...)
	return append(binary.AppendUvarint([]byte{id}, uint64(len(content))), content...)
}

func module(sections ...[]byte) []byte {
	return slices.Concat([]byte("\x00asm\x01\x00\x00\x00"), slices.Concat(sections...))
}

// Needing is a module that needs a feature and is valid otherwise.
func Needing(t testing.TB, feature engines.Feature) []byte {
	t.Helper()
	memory := func(limits ...byte) []byte { return module(section(5, limits)) }
	code := func(body string) []byte {
		return module(section(1, []byte{1, 0x60, 0, 0}), section(3, []byte{1, 0}), section(5, []byte{1, 0, 1}),
			section(10, []byte{1, byte(len(body) + 2), 0}, []byte(body), []byte{0x0b}))
	}
	const vector = "\xfd\x0c0123456789abcdef"
	switch feature {
	case engines.ExtendedConstants:
		return module(section(6, []byte{1, 0x7f, 0, 0x41, 1, 0x41, 2, 0x6a, 0x0b}))
	case engines.TailCalls:
		return code("\x12\x00")
	case engines.RelaxedSIMD:
		return code(vector + vector + "\xfd\x80\x02\x1a")
	case engines.WideArithmetic:
		return code("\x42\x00\x42\x00\x42\x00\x42\x00\xfc\x13\x1a\x1a")
	case engines.Threads:
		return code("\x41\x00\xfe\x10\x02\x00\x1a")
	case engines.Exceptions:
		return code("\x1f\x40\x00\x0b")
	case engines.FunctionReferences:
		return code("\xd0\x70\xd4\x1a")
	case engines.GarbageCollection:
		return code("\x41\x00\xfb\x1c\x1a")
	case engines.Memory64:
		return memory(1, 4, 1)
	case engines.SeveralMemories:
		return memory(2, 0, 1, 0, 1)
	case engines.PageSizes:
		return memory(1, 8, 1, 0)
	}
	t.Fatalf("there is no module that needs %s", feature)
	return nil
}

// testFeatures compiles what needs each feature.
func testFeatures(t *testing.T, open New) {
	engine := openEngine(t, open)
	for _, feature := range engines.Features() {
		module, err := engine.Compile(t.Context(), Needing(t, feature))
		if err == nil {
			module.Close()
		}
		if slices.Contains(engine.Capabilities().Features, feature) {
			if err != nil {
				t.Errorf("%s: %v", feature, err)
			}
			continue
		}
		if lacking := (*engines.Lacking)(nil); !errors.As(err, &lacking) || lacking.Feature != feature || !strings.Contains(err.Error(), engine.Name()) {
			t.Errorf("%s: the error %v does not say that the engine lacks it", feature, err)
		}
	}
}
